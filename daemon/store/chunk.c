/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A record is its size as a varint, then so many bytes. What a row inflates to is bounded, so that a
 * damaged file cannot ask for all memory, and one record never costs much reading.
 */

#include "daemon/store/chunk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/packing.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

#define DRAFT_BYTES_FULL (UINT32_C(64) << 10)
/* A draft becomes full with a record that may be long. */
#define CHUNK_BYTES_MAX (UINT32_C(16) << 20)
#define CACHE_BYTES_MAX (UINT32_C(8) << 20)

/* By enum record_kind. */
static const struct {
	enum statement add, find;
} statements[] = {
	[RECORD_STR] = {STATEMENT_str_add, STATEMENT_str_find},
	[RECORD_FRAME] = {STATEMENT_frame_add, STATEMENT_frame_find},
	[RECORD_STACK] = {STATEMENT_stack_add, STATEMENT_stack_find},
	[RECORD_THREAD] = {STATEMENT_thread_add, STATEMENT_thread_find},
};

void chunk_put(struct chunk_draft *draft, const void *bytes, size_t size)
{
	varint_put(&draft->plain, size);
	buffer_append(&draft->plain, bytes, size);
	draft->n++;
}

bool chunk_is_full(const struct chunk_draft *draft)
{
	return draft->plain.size >= DRAFT_BYTES_FULL;
}

int chunk_write(
	struct database *database, enum record_kind kind, struct chunk_draft *draft, int64_t last)
{
	CLEANUP(buffer_done) struct buffer data = {0};
	sqlite3_stmt *add;
	int r;

	if (!draft->n)
		return 0;
	r = buffer_error(&draft->plain);
	if (!r)
		r = deflate_append(&data, draft->plain.data, draft->plain.size);
	if (r)
		return r;
	add = database_statement(database, statements[kind].add);
	if (!add)
		return database_error(database);
	sqlite3_bind_int64(add, 1, draft->first);
	sqlite3_bind_int64(add, 2, last);
	sqlite3_bind_int64(add, 3, draft->n);
	sqlite3_bind_int64(add, 4, (int64_t)draft->plain.size);
	sqlite3_bind_blob(add, 5, data.data, (int)data.size, SQLITE_STATIC);
	r = database_run(database, statements[kind].add);
	draft->first += draft->n;
	draft->n = 0;
	buffer_clear(&draft->plain);
	return r;
}

void chunk_draft_done(struct chunk_draft *draft)
{
	buffer_done(&draft->plain);
}

static int records_find(struct chunk *chunk, size_t size)
{
	const uint8_t *at = chunk->plain, *end = at + size;

	for (uint32_t i = 0; i < chunk->n; i++) {
		uint64_t n;

		if (varint_get(&at, end, &n) || n > (size_t)(end - at))
			return -EUCLEAN;
		at += n;
		chunk->ends[i] = (uint32_t)(at - chunk->plain);
	}
	return at == end ? 0 : -EUCLEAN;
}

int chunk_read(struct chunk *chunk, sqlite3_stmt *row)
{
	CLEANUP(chunk_done) struct chunk read = {.first = (uint32_t)sqlite3_column_int64(row, 0)};
	int64_t n = sqlite3_column_int64(row, 1);
	size_t size = (size_t)sqlite3_column_int64(row, 2);
	int r;

	/* Each record has at least the byte that says its size. */
	if (size > CHUNK_BYTES_MAX || n <= 0 || (size_t)n > size)
		return -EUCLEAN;
	read.n = (uint32_t)n;
	read.plain = malloc(size);
	read.ends = calloc(read.n, sizeof(*read.ends));
	if (!read.plain || !read.ends)
		return -ENOMEM;
	r = inflate_exactly(read.plain, size, sqlite3_column_blob(row, 3),
		(size_t)sqlite3_column_bytes(row, 3));
	if (!r)
		r = records_find(&read, size);
	if (r)
		return r;
	*chunk = read;
	read = (struct chunk){0};
	return 0;
}

int chunk_find(struct chunk *chunk, struct database *database, enum record_kind kind, uint32_t id)
{
	sqlite3_stmt *row = database_statement(database, statements[kind].find);
	int step, r;

	if (!row)
		return database_error(database);
	sqlite3_bind_int64(row, 1, id);
	step = sqlite3_step(row);
	if (step == SQLITE_ROW)
		r = chunk_read(chunk, row);
	else
		r = step == SQLITE_DONE ? -EUCLEAN : database_error(database);
	sqlite3_reset(row);
	return r;
}

const uint8_t *chunk_record(const struct chunk *chunk, uint32_t id, size_t *ret_size)
{
	uint32_t i = id - chunk->first;
	const uint8_t *at;
	uint64_t size;

	if (id < chunk->first || i >= chunk->n)
		return NULL;
	at = chunk->plain + (i ? chunk->ends[i - 1] : 0);
	if (varint_get(&at, chunk->plain + chunk->ends[i], &size) || !size)
		return NULL;
	*ret_size = (size_t)size;
	return at;
}

void chunk_done(struct chunk *chunk)
{
	free(chunk->plain);
	free(chunk->ends);
}

/* The first of those that begin behind the id. */
static size_t place_of(const struct chunks *chunks, uint32_t id)
{
	size_t low = 0, high = chunks->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (chunks->items[middle].first <= id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int chunks_add(struct chunks *chunks, struct chunk *chunk)
{
	size_t at, size = chunk->ends[chunk->n - 1] + chunk->n * sizeof(*chunk->ends);
	int r;

	/* What was met long ago is as likely to be met again as any other: begin anew. */
	if (chunks->n_bytes + size > CACHE_BYTES_MAX)
		chunks_done(chunks);
	r = array_reserve(&chunks->items, &chunks->n_allocated, chunks->n + 1, sizeof(*chunk));
	if (r)
		return r;
	at = place_of(chunks, chunk->first);
	memmove(&chunks->items[at + 1], &chunks->items[at], (chunks->n - at) * sizeof(*chunk));
	chunks->items[at] = *chunk;
	*chunk = (struct chunk){0};
	chunks->n++;
	chunks->n_bytes += size;
	return 0;
}

int chunks_find(struct chunks *chunks, struct database *database, enum record_kind kind,
	uint32_t id, const uint8_t **ret_bytes, size_t *ret_size)
{
	size_t at = place_of(chunks, id);
	const struct chunk *chunk = at ? &chunks->items[at - 1] : NULL;
	CLEANUP(chunk_done) struct chunk read = {0};
	const uint8_t *bytes;
	int r = 0;

	if (!chunk || id - chunk->first >= chunk->n) {
		r = chunk_find(&read, database, kind, id);
		if (!r && id - read.first >= read.n)
			r = -EUCLEAN;
		if (!r)
			r = chunks_add(chunks, &read);
		if (r)
			return r;
		chunk = &chunks->items[place_of(chunks, id) - 1];
	}
	bytes = chunk_record(chunk, id, ret_size);
	if (!bytes)
		return -EUCLEAN;
	*ret_bytes = bytes;
	return 0;
}

void chunks_done(struct chunks *chunks)
{
	for (size_t i = 0; i < chunks->n; i++)
		chunk_done(&chunks->items[i]);
	free(chunks->items);
	*chunks = (struct chunks){0};
}
