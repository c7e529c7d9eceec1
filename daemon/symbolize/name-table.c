/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Queues are short and are shortened from the front by whole batches: moving the rest is cheap. */

#include "daemon/symbolize/name-table.h"

#include <errno.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* Distinct offsets of one object; a program does not reach it, one that tries does. */
#define ENTRIES_MAX (1u << 20)

static uint32_t hash_of(uint64_t offset)
{
	return hash_bytes(&offset, sizeof(offset));
}

static bool has_offset(const void *table, uint32_t id, const void *key)
{
	const struct name_table *t = table;

	return t->entries[id].offset == *(const uint64_t *)key;
}

static void queue_done(struct name_queue *queue)
{
	free(queue->offsets);
	free(queue->ids);
}

static int queue_reserve(struct name_queue *queue, size_t n)
{
	int r = array_reserve(
		&queue->offsets, &queue->n_offsets_allocated, n, sizeof(*queue->offsets));

	return r ? r : array_reserve(&queue->ids, &queue->n_ids_allocated, n, sizeof(*queue->ids));
}

static void queue_add(struct name_queue *queue, uint64_t offset, uint32_t id)
{
	queue->offsets[queue->n] = offset;
	queue->ids[queue->n++] = id;
}

static void queue_drop(struct name_queue *queue, size_t n)
{
	queue->n -= n;
	memmove(queue->offsets, queue->offsets + n, queue->n * sizeof(*queue->offsets));
	memmove(queue->ids, queue->ids + n, queue->n * sizeof(*queue->ids));
}

void name_table_done(struct name_table *table)
{
	for (struct symbol_block *block = table->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	queue_done(&table->names);
	queue_done(&table->lines);
	hash_done(&table->hash);
	free(table->entries);
	*table = (struct name_table){};
}

struct name_entry *name_table_find(const struct name_table *table, uint64_t offset)
{
	uint32_t id = hash_find(&table->hash, hash_of(offset), has_offset, table, &offset);

	return id ? &table->entries[id] : NULL;
}

int name_table_add(struct name_table *table, uint64_t offset, uint64_t turn)
{
	size_t id = table->n ? table->n : 1;
	int r;

	if (id >= ENTRIES_MAX)
		return -ENOMEM;
	r = array_reserve(&table->entries, &table->n_allocated, id + 1, sizeof(*table->entries));
	if (r < 0)
		return r;
	r = queue_reserve(&table->names, table->names.n + 1);
	if (r < 0)
		return r;
	table->entries[id] = (struct name_entry){
		.offset = offset, .turn = turn, .last = turn, .is_open = true};
	r = hash_add(&table->hash, hash_of(offset), (uint32_t)id);
	if (r < 0)
		return r;
	table->n = id + 1;
	queue_add(&table->names, offset, (uint32_t)id);
	return 0;
}

static void done(struct name_table *table, struct name_entry *entry)
{
	entry->is_open = false;
	table->on_done(table->userdata, entry);
}

int name_table_again(struct name_table *table)
{
	int r = queue_reserve(&table->names, table->n);

	for (size_t i = 1; i < table->n && !r; i++) {
		struct name_entry *entry = &table->entries[i];

		if (entry->is_open)
			continue;
		entry->turn = table->on_again(table->userdata, entry);
		entry->is_open = true;
		queue_add(&table->names, entry->offset, (uint32_t)i);
	}
	return r;
}

int name_table_answer(struct name_table *table, struct name_queue *queue,
	struct symbol_block *block, struct name_queue *then)
{
	size_t n = block->n;
	int r = then ? queue_reserve(then, then->n + n) : 0;

	block->next = table->blocks;
	table->blocks = block;
	for (size_t i = 0; i < n; i++) {
		struct name_entry *entry = &table->entries[queue->ids[i]];

		entry->symbol = &block->symbols[i];
		if (then && !r)
			queue_add(then, entry->offset, queue->ids[i]);
		else
			done(table, entry);
	}
	queue_drop(queue, n);
	return r;
}

int name_table_give_up(struct name_table *table, struct name_queue *queue, const char *reason)
{
	struct symbol_block *block = symbol_block_unnamed(queue->offsets, queue->n, reason);

	for (size_t i = 0; i < queue->n; i++) {
		struct name_entry *entry = &table->entries[queue->ids[i]];

		if (!entry->symbol && block)
			entry->symbol = &block->symbols[i];
		done(table, entry);
	}
	queue->n = 0;
	if (!block)
		return -ENOMEM;
	block->next = table->blocks;
	table->blocks = block;
	return 0;
}

/* Lets go of blocks that have no symbol that is kept, and unmarks the others'. */
static void blocks_sweep(struct name_table *table)
{
	struct symbol_block **link = &table->blocks, *block;

	while ((block = *link)) {
		bool is_kept = false;

		for (size_t i = 0; i < block->n; i++) {
			is_kept |= block->symbols[i].is_kept;
			block->symbols[i].is_kept = false;
		}
		if (is_kept) {
			link = &block->next;
			continue;
		}
		*link = block->next;
		free(block);
	}
}

/* The index first, with the ids that there will be: if there is no memory for it, all stays. */
static int index_kept(const struct name_table *table, uint64_t turn, struct hash *ret_hash)
{
	uint32_t id = 0;
	int r = 0;

	for (size_t i = 1; i < table->n && !r; i++)
		if (table->entries[i].last >= turn)
			r = hash_add(ret_hash, hash_of(table->entries[i].offset), ++id);
	return r;
}

void name_table_age(struct name_table *table, uint64_t turn)
{
	struct hash hash = {};
	size_t n = 1;

	if (index_kept(table, turn, &hash) < 0) {
		hash_done(&hash);
		return;
	}
	for (size_t i = 1; i < table->n; i++) {
		struct name_entry *entry = &table->entries[i];

		if (entry->last < turn)
			continue;
		if (entry->symbol)
			((struct symbol *)entry->symbol)->is_kept = true;
		table->entries[n++] = *entry;
	}
	hash_done(&table->hash);
	table->hash = hash;
	table->n = n;
	blocks_sweep(table);
}
