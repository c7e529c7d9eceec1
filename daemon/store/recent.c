/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Open addressing, at most half full. Digests are keyed: nobody can plan to be in the way of another. */

#include "daemon/store/recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 4096

/* Its slot, or the free one where it belongs. */
static struct recent_record *slot_of(const struct recent_table *table, const struct digest *digest)
{
	uint64_t start;

	memcpy(&start, digest->bytes, sizeof(start));
	for (size_t at = start;; at++) {
		struct recent_record *slot = &table->slots[at & (table->n_slots - 1)];

		if (!slot->id || !memcmp(&slot->digest, digest, sizeof(*digest)))
			return slot;
	}
}

struct recent_record *recent_find(
	const struct recent *recent, enum record_kind kind, const struct digest *digest)
{
	const struct recent_table *table = &recent->tables[kind];
	struct recent_record *slot = table->n_slots ? slot_of(table, digest) : NULL;

	return slot && slot->id ? slot : NULL;
}

/* With so many slots, and only what was met since then. */
static int rebuild(struct recent_table *table, size_t n_slots, int64_t since)
{
	struct recent_table other = {.n_slots = n_slots};

	other.slots = calloc(n_slots, sizeof(*other.slots));
	if (!other.slots)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_slots; i++) {
		const struct recent_record *record = &table->slots[i];

		if (!record->id || record->last < since)
			continue;
		*slot_of(&other, &record->digest) = *record;
		other.n++;
	}
	free(table->slots);
	*table = other;
	return 0;
}

int recent_put(struct recent *recent, enum record_kind kind, const struct recent_record *record)
{
	struct recent_table *table = &recent->tables[kind];
	struct recent_record *slot;
	int r = 0;

	if (table->n * 2 >= table->n_slots)
		r = rebuild(table, table->n_slots ? table->n_slots * 2 : SLOTS_MIN, INT64_MIN);
	if (r)
		return r;
	slot = slot_of(table, &record->digest);
	table->n += !slot->id;
	*slot = *record;
	return 0;
}

bool recent_is_full(const struct recent *recent)
{
	for (size_t i = 0; i < N_RECORD_KINDS; i++)
		if (recent->tables[i].n >= RECENT_RECORDS_MAX)
			return true;
	return false;
}

void recent_forget(struct recent *recent, int64_t before)
{
	for (size_t i = 0; i < N_RECORD_KINDS; i++) {
		struct recent_table *table = &recent->tables[i];

		if (table->n && rebuild(table, table->n_slots, before)) {
			recent_clear(recent);
			return;
		}
	}
}

void recent_clear(struct recent *recent)
{
	for (size_t i = 0; i < N_RECORD_KINDS; i++)
		free(recent->tables[i].slots);
	*recent = (struct recent){0};
}
