/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * perfd's end of the store: windows wait in memory until perfd-store has them for good, through its
 * death and through a full disk, up to a limit; then the oldest go, and are counted. Queries are
 * processes of their own.
 */

#include "daemon/base/loop.h"
#include "daemon/store/messages.h"
#include "proto/base/buffer.h"
#include "proto/profile/profile.h"

struct store_link;
struct store_asking;

struct store_link_config {
	struct loop *loop;
	const char *program; /* perfd-store; borrowed */
	const char *path; /* of the file; copied: configurations come and go */
	uint64_t max_bytes, max_age_ns;
	uint8_t life[STORE_LIFE_SIZE]; /* of this perfd */
};

struct store_status {
	enum store_state state;
	uint64_t n_stored, n_waiting, n_dropped, n_restarts,
		n_set_aside; /* windows; processes; files */
	uint64_t bytes, n_windows, oldest_ns, newest_ns;
};

/* 0 or a negative errno. */
int store_link_new(const struct store_link_config *config, struct store_link **ret_link);
/* What waits is given a last chance. Takes NULL, returns NULL. */
struct store_link *store_link_free(struct store_link *link);

/* A sealed window, which no other has the serial of. 0 or a negative errno. */
int store_link_append(struct store_link *link, const struct profile *profile,
	const uint8_t serial[STORE_SERIAL_SIZE]);
/* A window that still waits for names, so that a sudden end of perfd does not cost it; it is to be
 * appended under that serial. 0 or a negative errno. */
int store_link_keep(struct store_link *link, const struct profile *profile,
	const uint8_t serial[STORE_SERIAL_SIZE]);

/* The profile as pprof in *bytes, or NULL and why not (error and a sentence). Once, from the loop. */
typedef void store_asking_callback(
	void *userdata, struct buffer *bytes, int error, const char *why);
/* 0, -EBUSY (too many are under way) or another negative errno. */
int store_link_ask(struct store_link *link, const struct store_query *query,
	store_asking_callback *callback, void *userdata);
/* Whoever waits with this userdata is told no more. */
void store_link_abandon(struct store_link *link, void *userdata);

void store_link_status(const struct store_link *link, struct store_status *ret_status);
/* "good", "full", …: for status and metrics. */
const char *store_state_word(enum store_state state);
