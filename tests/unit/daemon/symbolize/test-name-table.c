/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Names that nobody wants any more are forgotten, and the others stay. */

#include "daemon/symbolize/name-table.h"

#include "daemon/symbolize/symbolizer.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define N_NAMES 1000
#define N_IN_BLOCK 10

static void on_done(void *userdata, const struct name_entry *entry)
{
	(*(size_t *)userdata)++;
}

static void fill(struct name_table *table)
{
	for (uint64_t i = 0; i < N_NAMES; i++) {
		ck_assert_int_eq(name_table_add(table, i * 16, i), 0);
		if (i % N_IN_BLOCK == N_IN_BLOCK - 1)
			ck_assert_int_eq(name_table_give_up(table, &table->names, "no-symbols"), 0);
	}
}

static size_t count_blocks(const struct name_table *table)
{
	size_t n = 0;

	for (const struct symbol_block *block = table->blocks; block; block = block->next)
		n++;
	return n;
}

START_TEST(what_was_wanted_last_before_is_forgotten_and_the_rest_stays)
{
	size_t n_done = 0;
	struct name_table table = {.on_done = on_done, .userdata = &n_done};

	fill(&table);
	/* An old one is wanted again; its block stays for its sake. */
	name_table_find(&table, 5 * 16)->last = N_NAMES;
	name_table_age(&table, N_NAMES / 2);
	for (uint64_t i = 0; i < N_NAMES; i++) {
		const struct name_entry *entry = name_table_find(&table, i * 16);

		if (i < N_NAMES / 2 && i != 5) {
			ck_assert_ptr_null(entry);
			continue;
		}
		ck_assert_ptr_nonnull(entry);
		ck_assert_uint_eq(entry->offset, i * 16);
		ck_assert_str_eq(entry->symbol->unnamed, "no-symbols");
		ck_assert_uint_eq(entry->symbol->address, i * 16);
	}
	ck_assert_uint_eq(count_blocks(&table), N_NAMES / 2 / N_IN_BLOCK + 1);
	ck_assert_uint_eq(n_done, N_NAMES);
	name_table_done(&table);
}
END_TEST

START_TEST(forgotten_names_are_taken_again)
{
	size_t n_done = 0;
	struct name_table table = {.on_done = on_done, .userdata = &n_done};

	for (int round = 0; round < 3; round++) {
		fill(&table);
		name_table_age(&table, UINT64_MAX);
		ck_assert_ptr_null(table.blocks);
		ck_assert_ptr_null(name_table_find(&table, 0));
	}
	name_table_done(&table);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_was_wanted_last_before_is_forgotten_and_the_rest_stays,
		forgotten_names_are_taken_again,
	};

	return check_main("name-table", tests, ARRAY_SIZE(tests));
}
