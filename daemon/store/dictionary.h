/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Records of a profile -> ids of the database, within a transaction. */

#include "daemon/store/database.h"
#include "proto/profile/profile.h"

/* One profile on its way in. */
struct dictionary {
	struct database *database;
	const struct profile *profile;
	int64_t now_s; /* since the epoch */
	uint32_t *strings, *frames, *stacks,
		*threads; /* id of the profile -> of the database; 0: not yet */
	struct digest *frame_digests, *stack_digests;
};

/* Ids are 32 bits wide: -EOVERFLOW when they have run out. */

/* 0 or -ENOMEM. */
int dictionary_init(struct dictionary *dictionary, struct database *database,
	const struct profile *profile, int64_t now_s);
void dictionary_done(struct dictionary *dictionary);

/* Each finds the record, or adds it with all that it needs. 0 or a negative errno. */
int dictionary_string(struct dictionary *dictionary, uint32_t string, uint32_t *ret_id);
int dictionary_stack(struct dictionary *dictionary, uint32_t stack, uint32_t *ret_id);
int dictionary_thread(struct dictionary *dictionary, uint32_t thread, uint32_t *ret_id);

/* The stack that stands for those that were too rare to keep apart. */
int dictionary_pruned_stack(struct database *database, int64_t now_s, uint32_t *ret_id);
