/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Records of a profile -> ids of the database, within a transaction. */

#include "daemon/store/chunk.h"
#include "daemon/store/database.h"
#include "proto/profile/profile.h"

/* A frame that got a better name. */
struct renamed {
	uint32_t id;
	struct buffer record;
};

/* One profile on its way in. */
struct dictionary {
	struct database *database;
	const struct profile *profile;
	int64_t now_s; /* since the epoch */
	uint32_t *strings, *frames, *stacks,
		*threads; /* id of the profile -> of the database; 0: not yet */
	struct chunk_draft drafts[N_RECORD_KINDS]; /* what is new */
	struct renamed *renamed;
	size_t n_renamed, n_renamed_allocated;
};

/* Ids are 32 bits wide: -EOVERFLOW when they have run out. */

/* Within a transaction, which is to fail if anything of it does. 0 or a negative errno. */
int dictionary_init(struct dictionary *dictionary, struct database *database,
	const struct profile *profile, int64_t now_s);
/* Puts down what is new. 0 or a negative errno. */
int dictionary_write(struct dictionary *dictionary);
void dictionary_done(struct dictionary *dictionary);

/* Each finds the record, or adds it with all that it needs. 0 or a negative errno. */
int dictionary_string(struct dictionary *dictionary, uint32_t string, uint32_t *ret_id);
int dictionary_stack(struct dictionary *dictionary, uint32_t stack, uint32_t *ret_id);
int dictionary_thread(struct dictionary *dictionary, uint32_t thread, uint32_t *ret_id);

/* The same of a record that is made already, told by that digest. */
int dictionary_record(struct dictionary *dictionary, enum record_kind kind,
	const struct digest *digest, const struct buffer *record, uint32_t *ret_id);

/* The stack that stands for those that were too rare to keep apart, put down by itself. */
int dictionary_pruned_stack(struct database *database, int64_t now_s, uint32_t *ret_id);

/* What is told apart by its digest and lives on: that it was met is written down, now and then. */
int dictionary_touch(struct dictionary *dictionary, enum record_kind kind, uint32_t id);
/* The names that were found late. */
int dictionary_rename(struct dictionary *dictionary);
/* Finds out what is there, the newest first. */
int dictionary_load(struct database *database);
