/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What passes between perfd and perfd-fetch over a stream socket: one request and its reply, then the
 * socket ends. Native byte order, fixed layout. The file itself does not pass: it lies in the cache
 * directory, where perfd's opener looks at it as at any other.
 */

#include <assert.h>
#include <stdint.h>

#define FETCH_SOCKET_FD 3 /* in perfd-fetch: from perfd or from systemd (sd_listen_fds(3)) */
#define FETCH_MAGIC 0x68637466u
#define FETCH_BUILD_ID_MAX 64
#define FETCH_URLS_MAX 4096
/* In the cache directory, with the build-id in hexadecimal. Empty: no server has it. */
#define FETCH_PATH_FORMAT "%s/%s.debug"

enum fetch_kind {
	FETCH_FIND = 1, /* get the debug file, unless it is in the cache */
	FETCH_REJECT = 2, /* what is in the cache is not what it says: not again, for some time */
};

struct fetch_request {
	uint32_t magic;
	uint32_t kind; /* enum fetch_kind */
	uint32_t build_id_size; /* at most FETCH_BUILD_ID_MAX */
	uint32_t time_max_s;
	uint64_t file_max_bytes, cache_max_bytes;
	uint8_t build_id[FETCH_BUILD_ID_MAX];
	char urls[FETCH_URLS_MAX]; /* of servers, apart by blanks; NUL-terminated */
};

struct fetch_reply {
	uint32_t magic;
	int32_t error; /* 0: it is in the cache; -ENOENT: no server has it; else why it failed */
};

static_assert(sizeof(struct fetch_request) == 4192, "no padding");
static_assert(sizeof(struct fetch_reply) == 8, "no padding");
