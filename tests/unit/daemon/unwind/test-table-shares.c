/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who gives way where room for unwind tables is short. */

#include "daemon/unwind/table-shares.h"

#include "bpf/abi.h"
#include "daemon/base/limits.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define ROWS_SHARE ((uint64_t)ABI_SHARD_ROWS * ABI_SHARDS_MAX / LIMIT_TABLE_SHARES)

START_TEST(who_has_no_more_than_a_share_keeps_it)
{
	CLEANUP(table_shares_done) struct table_shares shares = {};

	ck_assert(!table_shares_find_greedy(&shares));
	ck_assert_int_eq(table_shares_add(&shares, 1000, ROWS_SHARE), 0);
	ck_assert_int_eq(table_shares_add(&shares, 0, 3 * ROWS_SHARE), 0);
	ck_assert(!table_shares_find_greedy(&shares));
}
END_TEST

START_TEST(who_has_the_most_rows_gives_way)
{
	CLEANUP(table_shares_done) struct table_shares shares = {};

	ck_assert_int_eq(table_shares_add(&shares, 1000, ROWS_SHARE + 1), 0);
	ck_assert_int_eq(table_shares_add(&shares, 1001, ROWS_SHARE), 0);
	ck_assert_int_eq(table_shares_add(&shares, 1001, 2), 0);
	ck_assert_uint_eq(table_shares_find_greedy(&shares)->uid, 1001);
}
END_TEST

START_TEST(many_small_tables_are_too_much_as_well)
{
	CLEANUP(table_shares_done) struct table_shares shares = {};

	for (size_t i = 0; i <= ABI_TABLES_MAX / LIMIT_TABLE_SHARES; i++)
		ck_assert_int_eq(table_shares_add(&shares, 1000, 1), 0);
	ck_assert_uint_eq(table_shares_find_greedy(&shares)->uid, 1000);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		who_has_no_more_than_a_share_keeps_it,
		who_has_the_most_rows_gives_way,
		many_small_tables_are_too_much_as_well,
	};

	return check_main("unwind/table-shares", tests, ARRAY_SIZE(tests));
}
