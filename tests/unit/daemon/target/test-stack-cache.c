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

START_TEST(raw_zero_and_empty_places_are_not_confused)
{
	const uint64_t zero[] = {0};
	const struct stack_frames none = {}, callers = {.user = zero, .n_user = 1};
	uint32_t next = 1;

	setup();
	ck_assert_uint_eq(stack_cache_find_callers(&cache, 0, &none, 0), 0);
	ck_assert_uint_eq(stack_cache_find_callers(&cache, 0, &callers, 0), 0);
	ck_assert_uint_eq(add(zero, 1, &next), 1);
	ck_assert_uint_eq(add(zero, 1, &next), 1);
	stack_cache_done(&cache);
}
END_TEST

START_TEST(callers_are_known_by_their_root_and_every_frame)
{
	const uint64_t user[] = {3, 2, 1}, kernel[] = {9, 8}, both[] = {8, 3, 2, 1};
	const uint64_t last[] = {3, 2, 4}, first[] = {5, 2, 1};
	const struct stack_frames callers = {kernel, user, 2, 3};
	const struct stack_frames others[] = {
		{kernel, user, 2, 2},
		{kernel, user, 1, 3},
		{kernel, last, 2, 3},
		{kernel, first, 2, 3},
		{NULL, user, 0, 3},
		{kernel, NULL, 2, 0},
	};
	const struct stack_frames same = {kernel, both, 1, 4};

	setup();
	ck_assert_uint_eq(stack_cache_find_callers(&cache, 0, &callers, 0), 0);
	stack_cache_put_callers(&cache, 7, &callers, 50);
	ck_assert_uint_eq(stack_cache_find_callers(&cache, 7, &callers, 0), 50);
	ck_assert_uint_eq(stack_cache_find_callers(&cache, 6, &callers, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		ck_assert_uint_eq(stack_cache_find_callers(&cache, 7, &others[i], 0), 0);
	/* Where the kernel's end is told by the frames themselves. */
	ck_assert_uint_eq(stack_cache_find_callers(&cache, 7, &same, 0), 50);
	stack_cache_done(&cache);
}
END_TEST

/* Many more than there are places: each is found as itself, or not at all. */
START_TEST(callers_take_the_place_of_others_and_never_their_stack)
{
	uint32_t n_found = 0;

	setup();
	for (uint32_t turn = 0; turn < 2; turn++) {
		for (uint32_t i = 1; i <= 20000; i++) {
			const uint64_t raw[] = {i % 7, i % 11, i};
			const struct stack_frames callers = {.user = raw, .n_user = 3};
			uint32_t found = stack_cache_find_callers(&cache, 0, &callers, 0);

			ck_assert(!found || found == i);
			n_found += found == i;
			stack_cache_put_callers(&cache, 0, &callers, i);
			ck_assert_uint_eq(stack_cache_find_callers(&cache, 0, &callers, 0), i);
		}
	}
	ck_assert_uint_lt(n_found, 20000);
	stack_cache_done(&cache);
}
END_TEST

START_TEST(more_callers_than_fit_are_not_known_as_a_whole)
{
	uint64_t raw[2 * STACK_CALLERS_MAX];
	struct stack_frames callers = {.user = raw, .kernel = raw + STACK_CALLERS_MAX};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(raw); i++)
		raw[i] = i;
	callers.n_user = STACK_CALLERS_MAX;
	stack_cache_put_callers(&cache, 0, &callers, 5);
	ck_assert_uint_eq(stack_cache_find_callers(&cache, 0, &callers, 0), 5);
	callers.n_kernel = 1;
	stack_cache_put_callers(&cache, 0, &callers, 6);
	ck_assert_uint_eq(stack_cache_find_callers(&cache, 0, &callers, 0), 0);
	callers.n_kernel = STACK_CALLERS_MAX;
	stack_cache_put_callers(&cache, 0, &callers, 7);
	ck_assert_uint_eq(stack_cache_find_callers(&cache, 0, &callers, 0), 0);
	stack_cache_done(&cache);
}
END_TEST

/* What was looked for between may have taken its place, and is never taken for it. */
START_TEST(leaf_is_known_on_its_callers_only)
{
	const uint64_t user[] = {3, 2, 1}, other[] = {4, 2, 1};
	const struct stack_frames callers = {.user = user, .n_user = 3};
	const struct stack_frames others = {.user = other, .n_user = 3};

	setup();
	ck_assert_uint_eq(stack_cache_find_leaf(&cache, 50, 9), 0);
	stack_cache_find_callers(&cache, 0, &callers, 9);
	stack_cache_put_leaf(&cache, 50, 9, 60);
	ck_assert_uint_eq(stack_cache_find_leaf(&cache, 50, 9), 60);
	ck_assert_uint_eq(stack_cache_find_leaf(&cache, 51, 9), 0);
	ck_assert_uint_eq(stack_cache_find_leaf(&cache, 50, 8), 0);
	stack_cache_find_callers(&cache, 0, &others, 9);
	ck_assert_uint_eq(stack_cache_find_leaf(&cache, 51, 9), 0);
	stack_cache_find_callers(&cache, 0, &callers, 9);
	ck_assert_uint_eq(stack_cache_find_leaf(&cache, 50, 9), 60);
	stack_cache_done(&cache);
}
END_TEST

/* Callers that do not fit leave no place of their own: it is that of any step. */
START_TEST(leaf_of_callers_that_do_not_fit_is_known_as_a_step)
{
	uint64_t raw[STACK_CALLERS_MAX + 1] = {};
	const struct stack_frames callers = {.user = raw, .n_user = ARRAY_SIZE(raw)};

	setup();
	stack_cache_find_callers(&cache, 0, &callers, 9);
	stack_cache_put_leaf(&cache, 50, 9, 60);
	ck_assert_uint_eq(stack_cache_find_leaf(&cache, 50, 9), 60);
	ck_assert_uint_eq(stack_cache_find(&cache, 50, 9), 60);
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
		callers_are_known_by_their_root_and_every_frame,
		callers_take_the_place_of_others_and_never_their_stack,
		more_callers_than_fit_are_not_known_as_a_whole,
		leaf_is_known_on_its_callers_only,
		leaf_of_callers_that_do_not_fit_is_known_as_a_step,
	};

	return check_main("target/stack-cache", tests, ARRAY_SIZE(tests));
}
