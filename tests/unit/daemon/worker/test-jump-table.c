/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Searches with and without a jump table agree, however the starts lie. */

#include "daemon/worker/jump-table.h"

#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

struct record {
	uint64_t start;
	uint32_t other;
};

#define N_MAX 1000

static size_t count(const struct record *records, size_t n, uint64_t address)
{
	size_t n_before = 0;

	while (n_before < n && records[n_before].start <= address)
		n_before++;
	return n_before;
}

static void agrees(const struct record *records, size_t n)
{
	CLEANUP(jump_table_done) struct jump_table table = {};
	const struct jump_records all = {records, n, sizeof(*records)};

	jump_table_make(&table, &all);
	ck_assert_uint_le(table.n, n + 2);
	for (size_t i = 0; i < n; i++)
		for (int shift = -1; shift <= 1; shift++) {
			uint64_t address = records[i].start + (uint64_t)(int64_t)shift;

			ck_assert_uint_eq(
				jump_table_find(&table, &all, address), count(records, n, address));
		}
	ck_assert_uint_eq(jump_table_find(&table, &all, UINT64_MAX), n);
	ck_assert_uint_eq(jump_table_find(&table, &all, 0), count(records, n, 0));
}

START_TEST(evenly_spread_starts_are_found)
{
	struct record records[N_MAX] = {};

	for (size_t n = 0; n < N_MAX; n += 1 + n / 8) {
		for (size_t i = 0; i < n; i++)
			records[i].start = 0x400000 + i * 37;
		agrees(records, n);
	}
}
END_TEST

START_TEST(equal_and_far_starts_are_found)
{
	struct record records[N_MAX] = {};

	agrees(records, N_MAX);
	for (size_t i = 0; i < N_MAX; i++)
		records[i].start = 0x1000 + i / 10;
	agrees(records, N_MAX);
	records[N_MAX - 1].start = UINT64_MAX - 5;
	agrees(records, N_MAX);
	records[0].start = 0;
	agrees(records, N_MAX);
}
END_TEST

static int compare(const void *a, const void *b)
{
	uint64_t left = ((const struct record *)a)->start,
		 right = ((const struct record *)b)->start;

	return left < right ? -1 : left > right;
}

START_TEST(random_starts_are_found)
{
	struct record records[N_MAX] = {};

	srandom(1);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < N_MAX; i++)
			records[i].start = (uint64_t)random() << (round * 32 / 20);
		qsort(records, N_MAX, sizeof(*records), compare);
		agrees(records, N_MAX);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		evenly_spread_starts_are_found,
		equal_and_far_starts_are_found,
		random_starts_are_found,
	};

	return check_main("worker/jump-table", tests, ARRAY_SIZE(tests));
}
