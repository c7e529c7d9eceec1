/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Sealed windows in, roll-ups and removals in small steps. One writer. Functions give 0 or a negative
 * errno as database.h has them.
 */

#include "daemon/store/database.h"
#include "daemon/store/messages.h"
#include "daemon/store/rows.h"
#include "proto/base/buffer.h"
#include "proto/profile/profile.h"

/* What windows are rolled up into: of 10 s or so, then these. */
#define STORE_LEVELS 4

struct store_limits {
	uint64_t max_bytes, max_age_ns;
};

struct store {
	struct database database;
	const char *path; /* borrowed */
	struct store_limits limits;
	unsigned n_set_aside;
	bool has_swept;
};

/*
 * Opens or makes it. A damaged file is put aside under a name with the time, and a fresh one begun.
 * 0, DATABASE_NEWER, or a negative errno.
 */
int store_open(struct store *store, const char *path, const struct store_limits *limits);
void store_close(struct store *store);
/* What was open proved damaged. */
int store_set_aside(struct store *store);

/* A window that is there already is none again. -EINVAL: not samples/count and cpu/nanoseconds. */
int store_append(struct store *store, const struct profile *profile,
	const uint8_t serial[STORE_SERIAL_SIZE], uint64_t now_ns);

/* A copy of a window that still waits for names, as pprof: kept in this life of perfd until
 * store_append() has that serial. */
int store_keep(struct store *store, const uint8_t serial[STORE_SERIAL_SIZE],
	const uint8_t life[STORE_LIFE_SIZE], const struct buffer *bytes);
int store_remove_kept(struct store *store, const uint8_t serial[STORE_SERIAL_SIZE]);
/* What was kept in other lives become windows: their perfd has ended before it sent them. */
int store_adopt(struct store *store, const uint8_t life[STORE_LIFE_SIZE], uint64_t now_ns);

/* One step of what is due. *ret_has_more: there is more of it. */
int store_tend(struct store *store, uint64_t now_ns, bool *ret_has_more);

/* Fills in how much there is. */
void store_facts(struct store *store, struct store_reply *reply);

/* A window of the database, as it is copied from there or put there. */
struct store_window {
	uint32_t id, level, event, host, n_cpus;
	uint64_t t0_ns, t1_ns, covered_ns, missed;
	double rate;
};

int store_add_window(struct store *store, struct store_window *window, const uint8_t *serial);
/* Combined rows, of one visibility. */
int store_add_segment(
	struct store *store, uint32_t window, uint32_t visible_to, const struct rows *rows);
/* Takes a window out, with all of its. */
int store_remove_window(struct store *store, uint32_t window);
/* Rolls up what is due, of one window of the next level. 1: it did; 0: nothing is due. */
int store_roll_up(struct store *store, uint64_t now_ns);
