/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Asks perfd-fetch for debug files that this host does not have, a few at a time, behind everybody's
 * back: nothing ever waits for it. A file that was got lies in the cache directory then.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/loop.h"

struct fetcher;

struct fetcher_config {
	const char *program; /* perfd-fetch */
	const char *socket_path; /* where systemd starts it instead; NULL: it never does */
	const char *directory; /* the cache */
	const char *const *urls; /* NULL-terminated; empty: nothing is fetched */
	uint64_t file_max_bytes, cache_max_bytes;
};

struct fetch_wanted {
	const uint8_t *build_id;
	size_t build_id_size;
	uint32_t uid; /* the owner of the file that wants it: root's go first */
};

struct fetcher_statistics {
	uint64_t n_fetched,
		n_failed; /* failed: not got for another reason than that nobody has it */
};

/* is_there: it lies in the cache now. From the loop. */
typedef void fetcher_callback(void *userdata, bool is_there);

/* The texts are copied. 0 or a negative errno. */
int fetcher_new(
	struct loop *loop, const struct fetcher_config *config, struct fetcher **ret_fetcher);
struct fetcher *fetcher_free(struct fetcher *fetcher);
/* From now on. 0 or -ENOMEM. */
int fetcher_configure(struct fetcher *fetcher, const struct fetcher_config *config);

/* The directory, or NULL: nothing is fetched. */
const char *fetcher_directory(const struct fetcher *fetcher);

/* 0 (the callback will come), or a negative errno: it will not. One at a time for a userdata. */
int fetcher_want(struct fetcher *fetcher, const struct fetch_wanted *wanted,
	fetcher_callback *callback, void *userdata);
void fetcher_cancel(struct fetcher *fetcher, void *userdata);
/* What was fetched is not what it should be: nobody shall look at it again. */
void fetcher_reject(struct fetcher *fetcher, const struct fetch_wanted *wanted);

void fetcher_statistics(const struct fetcher *fetcher, struct fetcher_statistics *ret_statistics);
