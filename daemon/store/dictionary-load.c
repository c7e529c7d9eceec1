/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is remembered is read from the database when a writer begins, when a transaction has failed, and
 * when there is no room for more: the newest half of what there is room for, of each kind.
 */

#include <errno.h>

#include "daemon/store/dictionary.h"
#include "daemon/store/record.h"
#include "proto/base/cleanup.h"

/* By enum record_kind. */
static const enum statement newest[] = {
	[RECORD_STR] = STATEMENT_str_newest,
	[RECORD_FRAME] = STATEMENT_frame_newest,
	[RECORD_STACK] = STATEMENT_stack_newest,
	[RECORD_THREAD] = STATEMENT_thread_newest,
};

static int record_load(struct database *database, enum record_kind kind,
	const struct recent_record *place, const uint8_t *bytes, size_t size)
{
	struct recent_record record = *place;
	struct frame_record frame;
	int r = 0;

	if (kind != RECORD_FRAME) {
		record.digest = digest_make(&database->key, bytes, size);
	} else {
		r = frame_record_parse(&frame, bytes, size);
		if (!r)
			r = frame_record_digest(&frame, &database->key, &record.digest);
		if (!r)
			record.detail = (uint8_t)frame.detail;
	}
	if (r || recent_find(&database->recent, kind, &record.digest))
		return r;
	return recent_put(&database->recent, kind, &record);
}

static int chunk_load(
	struct database *database, enum record_kind kind, const struct chunk *chunk, int64_t last)
{
	int r = 0;

	for (uint32_t i = 0; i < chunk->n && !r; i++) {
		const struct recent_record place = {.id = chunk->first + i, .last = last};
		size_t size;
		const uint8_t *bytes = chunk_record(chunk, place.id, &size);

		if (bytes)
			r = record_load(database, kind, &place, bytes, size);
	}
	return r;
}

static int kind_load(struct database *database, enum record_kind kind)
{
	struct recent *recent = &database->recent;
	sqlite3_stmt *row = database_statement(database, newest[kind]);
	int step = SQLITE_DONE, r = 0;

	if (!row)
		return database_error(database);
	recent->next_ids[kind] = 1;
	while (!r && recent->tables[kind].n < RECENT_RECORDS_MAX / 2 &&
		(step = sqlite3_step(row)) == SQLITE_ROW) {
		CLEANUP(chunk_done) struct chunk chunk = {0};

		r = chunk_read(&chunk, row);
		if (r)
			break;
		if (recent->next_ids[kind] == 1)
			recent->next_ids[kind] = chunk.first + chunk.n;
		r = chunk_load(database, kind, &chunk, sqlite3_column_int64(row, 4));
	}
	if (!r && step != SQLITE_ROW && step != SQLITE_DONE)
		r = database_error(database);
	sqlite3_reset(row);
	return r;
}

int dictionary_load(struct database *database)
{
	struct recent *recent = &database->recent;
	int r = 0;

	if (recent_is_full(recent))
		recent_clear(recent);
	if (recent->is_loaded)
		return 0;
	for (enum record_kind kind = 0; kind < N_RECORD_KINDS && !r; kind++)
		r = kind_load(database, kind);
	if (r)
		recent_clear(recent);
	else
		recent->is_loaded = true;
	return r;
}
