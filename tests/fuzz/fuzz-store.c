/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as the rows of a continuous store: what a damaged or hostile file could hold in chunks of
 * the dictionary and in segments. It is asked, written to, rolled up, and asked again.
 *
 * A row is its kind, its size (two bytes, low first), and so many bytes: a chunk of str, frame, stack
 * or thread, or a segment; they are packed here, and a chunk says how many records it has. From kind 8
 * on they are taken for packed already, behind a byte for the records and one for the kilobytes.
 */

#include <stdlib.h>
#include <string.h>

#include "daemon/store/packing.h"
#include "daemon/store/query.h"
#include "daemon/store/store.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/fuzz/fuzz.h"

#define WINDOW 1
#define SEGMENT N_RECORD_KINDS
#define KINDS (N_RECORD_KINDS + 1)
#define PACKED 8
#define DAY_NS (24 * 3600 * NS_PER_SECOND)
#define T0_NS (100 * DAY_NS)

struct rows_in {
	struct database *database;
	uint32_t firsts[N_RECORD_KINDS]; /* of the next chunk */
};

struct row_in {
	uint32_t kind;
	int64_t n, n_bytes;
	const void *data;
	size_t size;
};

static const enum statement adds[KINDS] = {
	[RECORD_STR] = STATEMENT_str_add,
	[RECORD_FRAME] = STATEMENT_frame_add,
	[RECORD_STACK] = STATEMENT_stack_add,
	[RECORD_THREAD] = STATEMENT_thread_add,
	[SEGMENT] = STATEMENT_segment_add,
};

static void must(int r)
{
	if (r)
		abort();
}

static void row_add(struct rows_in *in, const struct row_in *row)
{
	sqlite3_stmt *add = database_statement(in->database, adds[row->kind]);

	if (!add)
		abort();
	sqlite3_bind_int64(add, 1, row->kind == SEGMENT ? WINDOW : in->firsts[row->kind]);
	sqlite3_bind_int64(add, 2, row->kind == SEGMENT ? 0 : (int64_t)(T0_NS / NS_PER_SECOND));
	sqlite3_bind_int64(add, 3, row->n);
	sqlite3_bind_int64(add, 4, row->n_bytes);
	sqlite3_bind_blob(add, 5, row->data ? row->data : "", (int)row->size, SQLITE_STATIC);
	must(database_run(in->database, adds[row->kind]));
	if (row->kind != SEGMENT)
		in->firsts[row->kind] += row->n > 0 ? (uint32_t)row->n : 1;
}

/* How many records a chunk has, as far as they are whole. */
static int64_t count_records(const uint8_t *at, const uint8_t *end)
{
	int64_t n = 0;
	uint64_t size;

	while (at < end && varint_get(&at, end, &size) == 0 && size <= (size_t)(end - at)) {
		at += size;
		n++;
	}
	return n;
}

static void put(struct rows_in *in, unsigned kind, const uint8_t *bytes, size_t n)
{
	CLEANUP(buffer_done) struct buffer packed = {0};
	struct row_in row = {.kind = kind % KINDS};

	if (kind >= PACKED) {
		if (n < 2)
			return;
		row.n = bytes[0];
		row.n_bytes = bytes[1] * INT64_C(1024);
		row.data = bytes + 2;
		row.size = n - 2;
		row_add(in, &row);
		return;
	}
	must(deflate_append(&packed, bytes, n));
	row.n = count_records(bytes, bytes + n);
	row.n_bytes = (int64_t)n;
	row.data = packed.data;
	row.size = packed.size;
	row_add(in, &row);
}

static void rows_read(struct rows_in *in, const uint8_t *bytes, size_t n)
{
	while (n >= 3) {
		unsigned kind = bytes[0] % (PACKED + KINDS);
		size_t size = bytes[1] | (size_t)bytes[2] << 8;

		bytes += 3;
		n -= 3;
		if (size > n)
			size = n;
		put(in, kind, bytes, size);
		bytes += size;
		n -= size;
	}
}

static void ask(struct store *store, uint32_t uid)
{
	const struct store_query query = {
		.until_ns = T0_NS + 30 * DAY_NS, .uid = uid, .is_admin = !uid, .sees_kernel = !uid};
	CLEANUP(profile_unrefp) struct profile *profile = NULL;

	if (query_profile(&store->database, &query, &profile) == 0)
		fuzz_use(profile);
}

/* A window with one frame, which the dictionary may have or not. */
static void append(struct store *store)
{
	static const uint8_t serial[STORE_SERIAL_SIZE] = {1};
	static const int64_t values[] = {1, 1000};
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	struct profile_function function = {0};
	struct profile_sample sample = {0};
	struct profile_frame frame = {0};
	struct profile_line line = {0};
	uint32_t id;

	if (!profile)
		abort();
	must(profile_add_value_type(profile, "samples", "count"));
	must(profile_add_value_type(profile, "cpu", "nanoseconds"));
	must(profile_add_string(profile, "main", &function.name));
	must(profile_add_function(profile, &function, &line.function));
	must(profile_add_frame(profile, &frame, &line, 1, &id));
	must(profile_add_stack(profile, 0, id, &sample.stack));
	must(profile_add_sample(profile, &sample, values));
	profile->conditions.start_realtime_ns = T0_NS + DAY_NS;
	profile->conditions.duration_ns = NS_PER_SECOND;
	profile_seal(profile);
	store_append(store, profile, serial, T0_NS + DAY_NS);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct store_limits limits = {UINT64_MAX / 4, UINT64_MAX / 4};
	struct store store = {0};
	struct store_window window = {.t0_ns = T0_NS,
		.t1_ns = T0_NS + NS_PER_SECOND,
		.covered_ns = NS_PER_SECOND,
		.rate = 19,
		.event = 1,
		.n_cpus = 2};
	struct rows_in in = {.database = &store.database, .firsts = {1, 1, 1, 1}};
	bool has_more = true;

	must(store_open(&store, ":memory:", &limits));
	must(store_add_window(&store, &window, NULL));
	rows_read(&in, bytes, n);
	ask(&store, 0);
	ask(&store, 1000);
	append(&store);
	for (int i = 0; i < 8 && has_more; i++)
		if (store_tend(&store, T0_NS + 20 * DAY_NS, &has_more) < 0)
			break;
	ask(&store, 0);
	store_close(&store);
	return 0;
}
