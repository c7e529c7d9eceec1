/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One step from each version to the next. All that are due are one transaction: whatever happens on
 * the way, the file is of the one form or of the other.
 *
 * 2: a frame that is met again gets its name anew, and with that how good it is.
 * 3: records of the dictionary in chunks, where each had a row of its own. They keep their ids; where
 *    some were removed, records without bytes stand for them.
 * 4: what is closed is kept before it is named.
 */

#include <errno.h>
#include <stdio.h>

#include "daemon/store/chunk.h"
#include "daemon/store/database.h"
#include "daemon/store/packing.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* Longer gaps between ids end a chunk. */
#define GAP_MAX 1000

/* The chunk under way, and when any record so far was met last. */
struct copying {
	struct chunk_draft draft;
	int64_t last;
};

static void copying_done(struct copying *copying)
{
	chunk_draft_done(&copying->draft);
}

/* A record of version 2: its id, when it was met, numbers, and the bytes that it ends with. */
struct old_kind {
	enum record_kind kind;
	const char *select;
	int n_numbers;
	bool has_bytes;
};

static const struct old_kind old_kinds[] = {
	{RECORD_STR, "SELECT id, last, text FROM old_str ORDER BY id", 0, true},
	{RECORD_FRAME,
		"SELECT id, last, kind, path, build_id, address, unnamed, detail, chain"
		" FROM old_frame ORDER BY id",
		6, true},
	{RECORD_STACK, "SELECT id, last, frames FROM old_stack ORDER BY id", 0, true},
	{RECORD_THREAD,
		"SELECT id, last, pid, uid, start_ns, tid, name, comm, exe, unit, container, cgroup"
		" FROM old_thread ORDER BY id",
		10, false},
};

static int old_record_copy(struct database *database, const struct old_kind *old,
	struct copying *copying, sqlite3_stmt *row)
{
	struct chunk_draft *draft = &copying->draft;
	CLEANUP(buffer_done) struct buffer record = {0};
	uint32_t id = (uint32_t)sqlite3_column_int64(row, 0);
	int r = 0;

	for (int i = 0; i < old->n_numbers; i++)
		varint_put(&record, (uint64_t)sqlite3_column_int64(row, 2 + i));
	if (old->has_bytes)
		buffer_append(&record, sqlite3_column_blob(row, 2 + old->n_numbers),
			(size_t)sqlite3_column_bytes(row, 2 + old->n_numbers));
	if (buffer_error(&record))
		return buffer_error(&record);
	if (chunk_is_full(draft) || id - (draft->first + draft->n) > GAP_MAX)
		r = chunk_write(database, old->kind, draft, copying->last);
	if (sqlite3_column_int64(row, 1) > copying->last)
		copying->last = sqlite3_column_int64(row, 1);
	if (!draft->n)
		draft->first = id;
	while (draft->first + draft->n < id)
		chunk_put(draft, NULL, 0);
	chunk_put(draft, record.data, record.size);
	return r;
}

static int old_kind_copy(struct database *database, const struct old_kind *old)
{
	CLEANUP(copying_done) struct copying copying = {0};
	sqlite3_stmt *row = NULL;
	int step = SQLITE_DONE, r = 0;

	if (sqlite3_prepare_v2(database->handle, old->select, -1, &row, NULL) != SQLITE_OK)
		return database_error(database);
	while (!r && (step = sqlite3_step(row)) == SQLITE_ROW)
		r = old_record_copy(database, old, &copying, row);
	if (!r && step != SQLITE_DONE)
		r = database_error(database);
	sqlite3_finalize(row);
	return r ? r : chunk_write(database, old->kind, &copying.draft, copying.last);
}

static int chunks_make(struct database *database)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(old_kinds) && !r; i++)
		r = old_kind_copy(database, &old_kinds[i]);
	return r;
}

#define CHUNKS(name)                                                                               \
	"ALTER TABLE " name " RENAME TO old_" name ";"                                             \
	"CREATE TABLE " name " (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, n INTEGER"       \
	" NOT NULL, n_bytes INTEGER NOT NULL, data BLOB NOT NULL);"

/* By the version that it leads to: SQL, code that may be needed then, SQL. */
static const struct step {
	const char *before;
	int (*copy)(struct database *database);
	const char *after;
} steps[DATABASE_VERSION + 1] = {
	[2] = {.before = "ALTER TABLE frame ADD COLUMN detail INTEGER NOT NULL DEFAULT 0"},
	[3] =
		{
			.before = CHUNKS("str") CHUNKS("frame") CHUNKS("stack") CHUNKS(
				"thread") "ALTER TABLE segment RENAME TO old_segment;"
					  "CREATE TABLE segment (id INTEGER PRIMARY KEY, window INTEGER NOT NULL,"
					  " visible_to INTEGER NOT NULL, n INTEGER NOT NULL, n_bytes INTEGER NOT"
					  " NULL, data BLOB NOT NULL);"
					  "CREATE INDEX segment_window ON segment (window);"
					  "INSERT INTO segment (window, visible_to, n, n_bytes, data)"
					  " SELECT window, visible_to, n, n_bytes, data FROM old_segment",
			.copy = chunks_make,
			.after = "DROP TABLE old_str; DROP TABLE old_frame; DROP TABLE old_stack;"
				 "DROP TABLE old_thread; DROP TABLE old_segment",
		},
	[4] = {.before = "CREATE TABLE kept (id INTEGER PRIMARY KEY, serial BLOB NOT NULL UNIQUE,"
			 " life BLOB NOT NULL, data BLOB NOT NULL)"},
};

static int step_take(struct database *database, const struct step *step)
{
	int r = database_execute(database, step->before);

	if (!r && step->copy)
		r = step->copy(database);
	if (!r && step->after)
		r = database_execute(database, step->after);
	return r;
}

int database_migrate(struct database *database, int64_t version)
{
	char number[64];
	int r;

	/* There was none before the first. */
	if (version < 1)
		return -EUCLEAN;
	r = database_begin(database);
	if (r)
		return r;
	while (!r && version < DATABASE_VERSION)
		r = step_take(database, &steps[++version]);
	snprintf(number, sizeof(number), "PRAGMA user_version = %d", DATABASE_VERSION);
	if (!r)
		r = database_execute(database, number);
	return database_end(database, r);
}
