/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What perfd and perfd-store say to each other, both of one build: a header, then its body. perfd asks
 * one thing at a time; each is answered once.
 */

#include <stdint.h>

#define STORE_MAGIC 0x70667374u
#define STORE_BODY_BYTES_MAX (UINT64_C(256) << 20)
#define STORE_TEXT_MAX 256
#define STORE_SERIAL_SIZE 32
#define STORE_LIFE_SIZE 16

enum store_kind {
	STORE_APPEND = 1, /* the body is a sealed window as pprof */
	STORE_QUERY, /* the body is a struct store_query; its reply's is a profile as pprof */
	/* A copy, in the same form, of a window that is closed and still waits for names: it is kept
	 * until the window itself comes under that serial, or until another perfd has begun. */
	STORE_KEEP,
	STORE_TEND, /* so much of what is due (rolling up, making room) as fits one step */
};

struct store_request {
	uint32_t magic, kind;
	uint64_t body_size;
	uint64_t now_ns; /* since the epoch */
	uint8_t serial[STORE_SERIAL_SIZE]; /* of a window: no other has it */
	uint8_t life
		[STORE_LIFE_SIZE]; /* of this perfd: what was kept in another's is all there is */
};

/* Empty texts and 0: not asked for. */
struct store_query {
	uint64_t since_ns, until_ns; /* since the epoch */
	uint32_t pid, uid; /* uid: who asks */
	uint32_t n_parts; /* of the span that time is told apart by; 0: see query.h */
	uint8_t is_admin, sees_kernel, padding[2];
	char comm[64], unit[STORE_TEXT_MAX], container[STORE_TEXT_MAX], event[64];
};

enum store_state {
	STORE_STATE_OFF, /* no perfd-store */
	STORE_STATE_GOOD,
	STORE_STATE_FULL, /* no room on the disk */
	STORE_STATE_READ_ONLY,
	STORE_STATE_NEWER, /* made by a later version: left alone */
	STORE_STATE_FAILING, /* anything else */
};

struct store_reply {
	uint32_t magic, kind;
	uint64_t body_size;
	int32_t error; /* 0, or a negative errno; `text` says why, for a person */
	uint32_t state; /* enum store_state */
	uint32_t has_more; /* of STORE_TEND: call again soon */
	uint32_t n_set_aside; /* damaged files that were put away since the start */
	uint64_t bytes, n_windows, oldest_ns, newest_ns;
	char text[STORE_TEXT_MAX];
};
