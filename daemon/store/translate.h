/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Ids of the database -> records of a profile, each once. */

#include "daemon/store/database.h"
#include "daemon/store/messages.h"
#include "proto/profile/profile.h"

/* By id of the database: id of the profile; 0: not yet. */
struct translation_map {
	uint32_t *ids;
	size_t n;
};

struct translation {
	struct database *database;
	struct profile *profile; /* not sealed */
	const struct store_query *query;
	struct translation_map strings, frames, stacks, threads;
	uint32_t kernel_frame; /* the one [kernel] of who does not see more; 0: not yet */
};

void translation_done(struct translation *translation);

/* Each gives 0 or a negative errno; -EUCLEAN where the database has no such record. Id 0 is none. */
int translate_string(struct translation *translation, uint32_t id, uint32_t *ret_id);
int translate_stack(struct translation *translation, uint32_t id, uint32_t *ret_id);
/* Or TRANSLATE_LEFT_OUT: the query does not ask for it. */
enum { TRANSLATE_LEFT_OUT = 1 };
int translate_thread(struct translation *translation, uint32_t id, uint32_t *ret_id);
