/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One place for each record, by its digest. That is keyed: nobody can plan to be in the way of another.
 */

#include "daemon/store/recent.h"

#include <stdlib.h>
#include <string.h>

/* 2.5 MiB for each kind: more than one window has. A power of two. */
#define RECORDS 65536

static size_t place_of(const struct digest *digest)
{
	uint64_t start;

	memcpy(&start, digest->bytes, sizeof(start));
	return start & (RECORDS - 1);
}

const struct recent_record *recent_find(
	const struct recent *recent, enum recent_kind kind, const struct digest *digest)
{
	const struct recent_record *record;

	if (!recent->records[kind])
		return NULL;
	record = &recent->records[kind][place_of(digest)];
	return record->id && !memcmp(&record->digest, digest, sizeof(*digest)) ? record : NULL;
}

void recent_put(struct recent *recent, enum recent_kind kind, const struct recent_record *record)
{
	if (!recent->records[kind])
		recent->records[kind] = calloc(RECORDS, sizeof(*record));
	if (recent->records[kind])
		recent->records[kind][place_of(&record->digest)] = *record;
}

void recent_clear(struct recent *recent)
{
	for (size_t i = 0; i < N_RECENT_KINDS; i++) {
		free(recent->records[i]);
		recent->records[i] = NULL;
	}
}
