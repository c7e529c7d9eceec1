/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Ids of the database -> records of a profile, each once. */

#include "daemon/store/chunk.h"
#include "daemon/store/database.h"
#include "daemon/store/messages.h"
#include "proto/profile/profile.h"

/* By id of the database: id of the profile; 0: not yet. */
struct translation_map {
	uint32_t **pages; /* of TRANSLATION_PAGE ids each; NULL: none of them yet */
	size_t n_pages;
};
#define TRANSLATION_PAGE 1024

struct translation {
	struct database *database;
	struct profile *profile; /* not sealed */
	const struct store_query *query;
	struct translation_map strings, frames, stacks, threads;
	struct chunks chunks[N_RECORD_KINDS];
	uint32_t kernel_frame; /* the one [kernel] of who does not see more; 0: not yet */
	bool is_folded; /* processes of the same labels are one, without number */
};

void translation_done(struct translation *translation);

/* Each gives 0 or a negative errno; -EUCLEAN where the database has no such record. Id 0 is none. */
int translate_string(struct translation *translation, uint32_t id, uint32_t *ret_id);
int translate_stack(struct translation *translation, uint32_t id, uint32_t *ret_id);
/* Or TRANSLATE_LEFT_OUT: the query does not ask for it. */
enum { TRANSLATE_LEFT_OUT = 1 };
int translate_thread(struct translation *translation, uint32_t id, uint32_t *ret_id);

/* Folds threads from now on. Those that there are: what they are folded into. */
void translation_fold(struct translation *translation);
int translation_folded(struct translation *translation, uint32_t thread, uint32_t *ret_thread);
/* For stacks that are too rare to be told: the one that stands for them in the profile. */
int translation_pruned(struct translation *translation, uint32_t *ret_stack);
