/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "daemon/store/chunk.h"

#include <errno.h>
#include <string.h>

#include "daemon/store/packing.h"
#include "daemon/store/record.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"
#include "tests/unit/daemon/store/make-window.h"

#define MUCH (UINT64_MAX / 4)

START_TEST(records_come_back_by_their_ids)
{
	CLEANUP(chunk_draft_done) struct chunk_draft draft = {.first = 10};
	CLEANUP(chunks_done) struct chunks chunks = {0};
	struct place place;
	const uint8_t *bytes;
	size_t size;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	for (uint32_t i = 0; i < 20; i++) {
		/* Without bytes: there is none. */
		chunk_put(&draft, "abcdefghijklmnopqrstuvwxyz", i % 5);
		if (i % 7 == 6)
			ck_assert_int_eq(
				chunk_write(&place.store.database, RECORD_STR, &draft, 1), 0);
	}
	ck_assert_int_eq(chunk_write(&place.store.database, RECORD_STR, &draft, 1), 0);
	ck_assert_int_eq(chunk_write(&place.store.database, RECORD_STR, &draft, 1), 0);
	ck_assert_int_eq(place_number(&place, "SELECT count(*) FROM str"), 3);
	for (uint32_t i = 20; i--;) {
		int r = chunks_find(
			&chunks, &place.store.database, RECORD_STR, 10 + i, &bytes, &size);

		ck_assert_int_eq(r, i % 5 ? 0 : -EUCLEAN);
		if (r)
			continue;
		ck_assert_uint_eq(size, i % 5);
		ck_assert_mem_eq(bytes, "abcde", size);
	}
	for (uint32_t id = 0; id < 40; id += id == 9 ? 21 : 1)
		ck_assert_int_eq(
			chunks_find(&chunks, &place.store.database, RECORD_STR, id, &bytes, &size),
			-EUCLEAN);
	place_done(&place);
}
END_TEST

/* A row that says so much of itself, with those bytes. */
static int read_row(struct place *place, uint32_t n, size_t n_bytes, const void *plain, size_t size)
{
	CLEANUP(chunk_done) struct chunk chunk = {0};
	CLEANUP(buffer_done) struct buffer data = {0};
	struct database *database = &place->store.database;
	sqlite3_stmt *add;

	ck_assert_int_eq(deflate_append(&data, plain, size), 0);
	ck_assert_int_eq(database_execute(database, "DELETE FROM stack"), 0);
	add = database_statement(database, STATEMENT_stack_add);
	sqlite3_bind_int64(add, 1, 1);
	sqlite3_bind_int64(add, 2, 1);
	sqlite3_bind_int64(add, 3, n);
	sqlite3_bind_int64(add, 4, (int64_t)n_bytes);
	sqlite3_bind_blob(add, 5, data.data, (int)data.size, SQLITE_STATIC);
	ck_assert_int_eq(database_run(database, STATEMENT_stack_add), 0);
	return chunk_find(&chunk, database, RECORD_STACK, 1);
}

START_TEST(a_row_that_is_damaged_is_told)
{
	static const struct {
		const char *plain;
		size_t size, n_bytes;
		uint32_t n;
		int expected;
	} rows[] = {
		{"\1a\2bc", 5, 5, 2, 0},
		{"\1a\2bc", 5, 5, 1, -EUCLEAN},
		{"\1a\2bc", 5, 5, 3, -EUCLEAN},
		{"\1a\2bc", 5, 4, 2, -EUCLEAN},
		{"\1a\2bc", 5, 6, 2, -EUCLEAN},
		{"\1a\3bc", 5, 5, 2, -EUCLEAN},
		{"\1a\2bc", 5, SIZE_MAX, 2, -EUCLEAN},
		{"\1a\2bc", 5, 5, UINT32_MAX, -EUCLEAN},
		{"\1a\2bc", 5, 5, 0, -EUCLEAN},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10, 10, 1, -EUCLEAN},
		{"\x80", 1, 1, 1, -EUCLEAN},
		{"", 0, 0, 0, -EUCLEAN},
	};
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_msg(read_row(&place, rows[i].n, rows[i].n_bytes, rows[i].plain,
				      rows[i].size) == rows[i].expected,
			"row %zu", i);
	place_done(&place);
}
END_TEST

START_TEST(a_frame_that_is_cut_short_is_told)
{
	CLEANUP(buffer_done) struct buffer bytes = {0};
	struct frame_record frame;
	struct line_record line;

	for (uint64_t i = 0; i < 11; i++)
		varint_put(&bytes, i << 40);
	for (size_t size = 0; size <= bytes.size; size++) {
		const uint8_t *at;
		int r = frame_record_parse(&frame, (const uint8_t *)bytes.data, size);

		if (!r) {
			at = frame.lines;
			r = line_record_parse(&line, &at, frame.end);
		}
		ck_assert_int_eq(r, size == bytes.size ? 0 : -EUCLEAN);
	}
	ck_assert_uint_eq(frame.address, UINT64_C(3) << 40);
	ck_assert_uint_eq(line.line, UINT64_C(10) << 40);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		records_come_back_by_their_ids,
		a_row_that_is_damaged_is_told,
		a_frame_that_is_cut_short_is_told,
	};

	return check_main("store-chunk", tests, ARRAY_SIZE(tests));
}
