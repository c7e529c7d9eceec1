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

/* Adds raw, root first; new steps get numbers from `next` on. The last one's stack. */
static uint32_t add(const uint64_t *raw, size_t n, uint32_t *next)
{
	uint32_t stack = 0;

	stack_cache_begin(&cache);
	for (size_t i = 0; i < n; i++) {
		uint32_t known = stack_cache_find(&cache, stack, raw[i]);

		if (!known)
			stack_cache_put(&cache, stack, raw[i], known = (*next)++);
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

START_TEST(frame_that_is_skipped_hides_what_lay_on_it_before)
{
	const uint64_t raw[] = {1, 2, 3};
	uint32_t next = 1, first;

	setup();
	first = add(raw, 3, &next);
	stack_cache_begin(&cache);
	ck_assert_uint_eq(stack_cache_find(&cache, 0, 1), 1);
	stack_cache_skip(&cache); /* stack 50 */
	ck_assert_uint_eq(stack_cache_find(&cache, 50, 3), 0);
	stack_cache_put(&cache, 50, 3, 51);
	stack_cache_begin(&cache);
	ck_assert_uint_eq(stack_cache_find(&cache, 0, 1), 1);
	stack_cache_skip(&cache); /* stack 60 */
	ck_assert_uint_eq(stack_cache_find(&cache, 60, 3), 0);
	ck_assert_uint_eq(add(raw, 3, &next), first);
	stack_cache_done(&cache);
}
END_TEST

START_TEST(raw_zero_and_empty_places_are_not_confused)
{
	const uint64_t zero[] = {0};
	uint32_t next = 1;

	setup();
	ck_assert_uint_eq(add(zero, 1, &next), 1);
	ck_assert_uint_eq(add(zero, 1, &next), 1);
	stack_cache_done(&cache);
}
END_TEST

START_TEST(stack_deeper_than_the_path_is_no_overflow)
{
	uint64_t raw[STACK_PATH_MAX + 50];
	uint32_t next = 1, first;

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(raw); i++)
		raw[i] = i;
	first = add(raw, ARRAY_SIZE(raw), &next);
	ck_assert_uint_eq(first, ARRAY_SIZE(raw));
	ck_assert_uint_eq(add(raw, STACK_PATH_MAX, &next), STACK_PATH_MAX);
	stack_cache_done(&cache);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		equal_stack_is_found_again,
		same_frame_on_another_caller_is_another_stack,
		shorter_stack_leaves_the_longer_one_known,
		frame_that_is_skipped_hides_what_lay_on_it_before,
		raw_zero_and_empty_places_are_not_confused,
		stack_deeper_than_the_path_is_no_overflow,
	};

	return check_main("target/stack-cache", tests, ARRAY_SIZE(tests));
}
