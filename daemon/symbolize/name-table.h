/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What is known and what is wanted of one object, by file offset. An offset passes from `names`
 * (wanted from symbol tables) to `lines` (wanted from DWARF), if the object has that, and is then
 * answered. Answers stay where they are until the table goes.
 */

#include "daemon/symbolize/worker-reply.h"
#include "proto/base/hash.h"

struct name_entry {
	uint64_t offset;
	uint64_t turn; /* the owner's: when it was wanted first */
	uint64_t last; /* the same: when it was wanted last */
	const struct symbol *symbol; /* NULL: nothing is known yet */
	bool is_open; /* it is in a queue, or asked for */
};

/* A first-in-first-out of offsets. The entry's id (from 1) goes with each. */
struct name_queue {
	uint64_t *offsets;
	uint32_t *ids;
	size_t n, n_offsets_allocated, n_ids_allocated;
};

/* An entry is as far as it will get. */
typedef void name_done_callback(void *userdata, const struct name_entry *entry);
/* An entry is asked for again, and has its old answer meanwhile; gives its new turn. */
typedef uint64_t name_again_callback(void *userdata, const struct name_entry *entry);

struct name_table {
	struct name_entry *entries; /* entry 0 is none */
	size_t n, n_allocated;
	struct hash hash;
	struct name_queue names, lines;
	struct symbol_block *blocks;
	name_done_callback *on_done;
	name_again_callback *on_again;
	void *userdata;
};

void name_table_done(struct name_table *table);

/* NULL: never wanted. */
struct name_entry *name_table_find(const struct name_table *table, uint64_t offset);

/* Adds an offset that is not there, to the queue of names. 0 or -ENOMEM (also when full). */
int name_table_add(struct name_table *table, uint64_t offset, uint64_t turn);

/* The first block->n of the queue are answered; takes the block. Where `then` is not NULL they go
 * on into it, else they are done. 0 or -ENOMEM, in which case they are done as well. */
int name_table_answer(struct name_table *table, struct name_queue *queue,
	struct symbol_block *block, struct name_queue *then);

/* Where nothing is queued: forgets what was wanted last before that turn; without memory, nothing. */
void name_table_age(struct name_table *table, uint64_t turn);

/* All that was answered goes into the queue of names again: there is more to ask now. 0, or -ENOMEM:
 * the rest stays answered. */
int name_table_again(struct name_table *table);

/* The whole queue is done as far as it is; what has no symbol yet gets one with this reason. 0 or
 * -ENOMEM: then those stay without. */
int name_table_give_up(struct name_table *table, struct name_queue *queue, const char *reason);
