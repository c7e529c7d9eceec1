/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What array_reserve promises to those who count on zeroed room. */

#include "proto/base/array.h"

#include <errno.h>
#include <stdint.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

START_TEST(room_is_zeroed_and_kept_items_stay)
{
	uint32_t *items = NULL;
	size_t n_allocated = 0;

	for (size_t n = 1; n <= 1000; n++) {
		ck_assert_int_eq(array_reserve(&items, &n_allocated, n, sizeof(*items)), 0);
		ck_assert_uint_ge(n_allocated, n);
		ck_assert_uint_eq(items[n - 1], 0);
		items[n - 1] = (uint32_t)n;
	}
	for (size_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(items[i], i + 1);
	free(items);
}
END_TEST

START_TEST(a_large_array_has_little_room_that_lies_idle)
{
	char *items = NULL;
	size_t n_allocated = 0;

	for (size_t n = 2 << 20; n < 8 << 20; n += 1000) {
		ck_assert_int_eq(array_reserve(&items, &n_allocated, n, 1), 0);
		ck_assert_uint_le(n_allocated, n + n / 4 + 1);
	}
	free(items);
}
END_TEST

START_TEST(reserving_what_is_there_changes_nothing)
{
	uint32_t *items = NULL, *before;
	size_t n_allocated = 0;

	ck_assert_int_eq(array_reserve(&items, &n_allocated, 5, sizeof(*items)), 0);
	before = items;
	ck_assert_int_eq(array_reserve(&items, &n_allocated, n_allocated, sizeof(*items)), 0);
	ck_assert_ptr_eq(items, before);
	free(items);
}
END_TEST

START_TEST(a_size_that_overflows_is_refused_and_changes_nothing)
{
	uint32_t *items = NULL;
	size_t n_allocated = 0;

	ck_assert_int_eq(
		array_reserve(&items, &n_allocated, SIZE_MAX / 2, sizeof(*items)), -ENOMEM);
	ck_assert_int_eq(array_reserve(&items, &n_allocated, SIZE_MAX, 1), -ENOMEM);
	ck_assert_ptr_null(items);
	ck_assert_uint_eq(n_allocated, 0);
}
END_TEST

START_TEST(trimming_keeps_the_items_and_later_room_is_zeroed_again)
{
	uint32_t *items = NULL;
	size_t n_allocated = 0;

	array_trim(&items, &n_allocated, 0, sizeof(*items));
	ck_assert_ptr_null(items);
	ck_assert_int_eq(array_reserve(&items, &n_allocated, 100, sizeof(*items)), 0);
	items[2] = 7;
	items[99] = 9;
	array_trim(&items, &n_allocated, 3, sizeof(*items));
	ck_assert_uint_eq(n_allocated, 3);
	array_trim(&items, &n_allocated, 3, sizeof(*items));
	ck_assert_int_eq(array_reserve(&items, &n_allocated, 100, sizeof(*items)), 0);
	ck_assert_uint_eq(items[2], 7);
	ck_assert_uint_eq(items[99], 0);
	free(items);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		room_is_zeroed_and_kept_items_stay,
		a_large_array_has_little_room_that_lies_idle,
		reserving_what_is_there_changes_nothing,
		a_size_that_overflows_is_refused_and_changes_nothing,
		trimming_keeps_the_items_and_later_room_is_zeroed_again,
	};

	return check_main("array", tests, ARRAY_SIZE(tests));
}
