/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is remembered of stacks is never another stack. */

#include "daemon/target/stack-cache.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static struct stack_cache cache;

static void setup(void)
{
	memset(&cache, 0, sizeof(cache));
	ck_assert_int_eq(stack_cache_init(&cache), 0);
}

static uint32_t find(uint32_t root, uint64_t number, uint32_t place)
{
	return stack_cache_find_callers(&cache, &(struct stack_callers){number, place, root});
}

static void put(uint32_t root, uint64_t number, uint32_t place, uint32_t stack)
{
	stack_cache_put_callers(&cache, &(struct stack_callers){number, place, root}, stack);
}

/* Adds raw, root first; new steps get numbers from `next` on. The last one's stack. */
static uint32_t add(const uint64_t *raw, size_t n, uint32_t *next)
{
	uint32_t stack = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t known = stack_cache_find(&cache, stack, stack, raw[i]);

		if (!known)
			stack_cache_put(&cache, stack, stack, raw[i], known = (*next)++);
		stack = known;
	}
	return stack;
}

START_TEST(equal_stack_is_found_again)
{
	const uint64_t a[] = {1, 2, 3}, b[] = {1, 2, 4, 5};
	uint32_t next = 1, first;

	setup();
	first = add(a, 3, &next);
	ck_assert_uint_eq(add(a, 3, &next), first);
	ck_assert_uint_ne(add(b, 4, &next), first);
	ck_assert_uint_eq(next, 6);
	ck_assert_uint_eq(add(a, 3, &next), first);
	ck_assert_uint_eq(next, 6);
	stack_cache_done(&cache);
}
END_TEST

START_TEST(same_frame_on_another_caller_is_another_stack)
{
	const uint64_t a[] = {1, 3, 7}, b[] = {2, 3, 7};
	uint32_t next = 1, first;

	setup();
	first = add(a, 3, &next);
	ck_assert_uint_ne(add(b, 3, &next), first);
	ck_assert_uint_eq(next, 7);
	stack_cache_done(&cache);
}
END_TEST

START_TEST(shorter_stack_leaves_the_longer_one_known)
{
	const uint64_t raw[] = {1, 2, 3, 4}, other[] = {1, 9};
	uint32_t next = 1, whole, part;

	setup();
	whole = add(raw, 4, &next);
	part = add(raw, 2, &next);
	ck_assert_uint_eq(part, 2);
	ck_assert_uint_eq(add(raw, 4, &next), whole);
	add(other, 2, &next);
	ck_assert_uint_eq(add(raw, 4, &next), whole);
	stack_cache_done(&cache);
}
END_TEST

START_TEST(raw_zero_and_empty_places_are_not_confused)
{
	const uint64_t zero[] = {0};
	uint32_t next = 1;

	setup();
	ck_assert_uint_eq(find(0, 1, 1), 0);
	ck_assert_uint_eq(add(zero, 1, &next), 1);
	ck_assert_uint_eq(add(zero, 1, &next), 1);
	stack_cache_done(&cache);
}
END_TEST

START_TEST(callers_are_known_by_their_root_and_their_number)
{
	setup();
	put(7, 3, 9, 50);
	ck_assert_uint_eq(find(7, 3, 9), 50);
	ck_assert_uint_eq(find(6, 3, 9), 0);
	ck_assert_uint_eq(find(7, 4, 9), 0);
	put(6, 3, 9, 60);
	ck_assert_uint_eq(find(6, 3, 9), 60);
	ck_assert_uint_eq(find(7, 3, 9), 0);
	stack_cache_done(&cache);
}
END_TEST

START_TEST(callers_take_the_place_of_others_and_never_their_stack)
{
	setup();
	for (uint32_t i = 1; i <= 20000; i++) {
		/* Places that share a slot, however many there are. */
		ck_assert_uint_eq(find(0, i, i % 7 << 20), 0);
		put(0, i, i % 7 << 20, i);
		ck_assert_uint_eq(find(0, i, i % 7 << 20), i);
	}
	ck_assert_uint_eq(find(0, 19999, 19999 % 7 << 20), 0);
	stack_cache_done(&cache);
}
END_TEST

/* Four share a line: in which of them one is, is by chance. */
START_TEST(the_newest_steps_are_known_and_old_ones_are_forgotten)
{
	const uint32_t n = 300000;
	uint32_t n_new = 0, n_old = 0;

	setup();
	for (uint32_t i = 1; i <= n; i++) {
		ck_assert_uint_eq(stack_cache_find(&cache, i, i, 2 * i), 0);
		stack_cache_put(&cache, i, i, 2 * i, i);
		ck_assert_uint_eq(stack_cache_find(&cache, i, i, 2 * i), i);
	}
	for (uint32_t i = n - 8191; i <= n; i++)
		n_new += stack_cache_find(&cache, i, i, 2 * i) == i;
	for (uint32_t i = 1; i <= n; i++)
		n_old += stack_cache_find(&cache, i, i, 2 * i) == i;
	/* One to a line in the mean, of four: one of fifty has more than three newer ones. */
	ck_assert_uint_gt(n_new, 8192 * 97 / 100);
	ck_assert_uint_eq(n_old, 4 * 8192);
	stack_cache_done(&cache);
}
END_TEST

/* What stands where it was looked for tells what it is. */
START_TEST(step_is_found_where_it_was_put_and_on_its_parent_only)
{
	setup();
	stack_cache_put(&cache, 3, 50, 9, 60);
	ck_assert_uint_eq(stack_cache_find(&cache, 3, 50, 9), 60);
	ck_assert_uint_eq(stack_cache_find(&cache, 3, 51, 9), 0);
	ck_assert_uint_eq(stack_cache_find(&cache, 3, 50, 8), 0);
	ck_assert_uint_eq(stack_cache_find(&cache, 4, 50, 9), 0);
	stack_cache_done(&cache);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		equal_stack_is_found_again,
		same_frame_on_another_caller_is_another_stack,
		shorter_stack_leaves_the_longer_one_known,
		raw_zero_and_empty_places_are_not_confused,
		callers_are_known_by_their_root_and_their_number,
		callers_take_the_place_of_others_and_never_their_stack,
		the_newest_steps_are_known_and_old_ones_are_forgotten,
		step_is_found_where_it_was_put_and_on_its_parent_only,
	};

	return check_main("target/stack-cache", tests, ARRAY_SIZE(tests));
}
