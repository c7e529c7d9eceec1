/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Comparisons on the cases that other tools get wrong. */

#include "proto/profile/compare.h"

#include <math.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"
#include "tests/unit/proto/profile/fixture.h"

static struct comparison *compare(const struct profile *before, const struct profile *after,
	const struct compare_options *options)
{
	const struct compare_side sides[] = {{&before, 1}, {&after, 1}};
	struct comparison *comparison = NULL;
	struct profile_error error = {0};

	ck_assert_int_eq(comparison_new(sides, options, &comparison, &error), 0);
	return comparison;
}

static const struct compare_row *row(const struct comparison *comparison, const char *name)
{
	for (size_t i = 0; i < comparison->n_rows; i++)
		if (!strcmp(comparison->rows[i].name, name))
			return &comparison->rows[i];
	return NULL;
}

/* n samples in each of 100 slices, each worth so many nanoseconds. */
static void add(struct profile *profile, const char *stack, int64_t n, int64_t ns)
{
	CLEANUP(freep) char *copy = strdup(stack);
	struct profile_sample sample = {.thread = 1};
	int64_t values[] = {n, n * ns};
	char *rest = NULL;

	if (profile->n_threads < 2)
		fixture_thread(profile, "program", 1, 1);
	for (char *name = strtok_r(copy, ";", &rest); name; name = strtok_r(NULL, ";", &rest))
		ck_assert_int_eq(profile_add_stack(profile, sample.stack,
					 fixture_frame(profile, name), &sample.stack),
			0);
	for (; sample.slice < 100; sample.slice++)
		ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
	profile->conditions.duration_ns = UINT64_C(10000000000);
}

/* Four functions that never change, so that there is something to compare with. */
static struct profile *program(void)
{
	struct profile *profile = fixture_new();

	add(profile, "main@/bin/x;a@/bin/x", 20, 1000000);
	add(profile, "main@/bin/x;b@/bin/x", 20, 1000000);
	add(profile, "main@/bin/x;c@/bin/x", 20, 1000000);
	add(profile, "main@/bin/x;d@/bin/x", 20, 1000000);
	return profile;
}

START_TEST(one_sample_against_none_is_no_evidence)
{
	CLEANUP(profile_unrefp) struct profile *before = program(), *after = program();
	CLEANUP(comparison_freep) struct comparison *comparison = NULL;

	fixture_add(after, 1, "main@/bin/x;new@/bin/x", NULL, 1);
	comparison = compare(before, after, NULL);
	ck_assert_uint_eq(comparison->n_rows, 4);
	ck_assert_uint_eq(comparison->n_slower + comparison->n_faster, 0);
	ck_assert_ptr_null(comparison_find_regression(comparison, 0, 0));
}
END_TEST

START_TEST(what_slows_down_does_not_make_everything_else_faster)
{
	CLEANUP(profile_unrefp) struct profile *before = program(), *after = program();
	CLEANUP(comparison_freep) struct comparison *comparison = NULL;

	add(after, "main@/bin/x;a@/bin/x", 20, 1000000);
	comparison = compare(before, after, NULL);
	ck_assert_uint_eq(comparison->n_slower, 1);
	ck_assert_uint_eq(comparison->n_faster, 0);
	ck_assert_str_eq(comparison->rows[0].name, "a");
	ck_assert_double_eq_tol(comparison->rows[0].change, 1, 0.01);
	ck_assert_double_eq_tol(comparison->normalizer, 0.8, 0.01);
	ck_assert_ptr_eq(comparison_find_regression(comparison, 0.5, 0.01), &comparison->rows[0]);
	ck_assert_ptr_null(comparison_find_regression(comparison, 1.5, 0.01));
	ck_assert_ptr_null(comparison_find_regression(comparison, 0.5, 0.9));
}
END_TEST

START_TEST(unequal_rates_and_durations_compare_by_time)
{
	CLEANUP(profile_unrefp) struct profile *before = program(), *after = fixture_new();
	CLEANUP(comparison_freep) struct comparison *shares = NULL, *absolute = NULL;
	const struct compare_options options = {.mode = COMPARE_ABSOLUTE};

	/* Ten times the rate, and half of it is another event's period. */
	add(after, "main@/bin/x;a@/bin/x", 200, 100000);
	add(after, "main@/bin/x;b@/bin/x", 200, 100000);
	add(after, "main@/bin/x;c@/bin/x", 50, 400000);
	add(after, "main@/bin/x;d@/bin/x", 200, 100000);
	shares = compare(before, after, NULL);
	ck_assert_uint_eq(shares->n_slower + shares->n_faster, 0);
	absolute = compare(before, after, &options);
	ck_assert_uint_eq(absolute->n_slower + absolute->n_faster, 0);
	ck_assert_double_eq_tol(absolute->whole.value[0], 0.8, 1e-6);
	ck_assert_double_eq_tol(absolute->whole.value[1], 0.8, 1e-6);
	ck_assert_int_eq(absolute->n_samples[1], 65000);
}
END_TEST

START_TEST(recursion_is_counted_once)
{
	CLEANUP(profile_unrefp) struct profile *before = program(), *after = program();
	CLEANUP(comparison_freep) struct comparison *comparison = NULL;
	const struct compare_options options = {.is_total = true};

	add(before, "main@/bin/x;walk@/bin/x;leaf@/bin/x", 20, 1000000);
	add(after, "main@/bin/x;walk@/bin/x;walk@/bin/x;walk@/bin/x;leaf@/bin/x", 20, 1000000);
	comparison = compare(before, after, &options);
	ck_assert_uint_eq(comparison->n_slower + comparison->n_faster, 0);
	ck_assert_int_eq(row(comparison, "walk")->n_samples[1], 2000);
	ck_assert_double_eq_tol(row(comparison, "walk")->change, 0, 1e-9);
}
END_TEST

START_TEST(a_renamed_function_is_compared_with_itself)
{
	CLEANUP(profile_unrefp) struct profile *before = program(), *after = program();
	CLEANUP(comparison_freep) struct comparison *comparison = NULL;

	add(before, "main@/bin/x;parse@/bin/x", 15, 1000000);
	add(after, "main@/bin/x;parse.constprop.0@/bin/x", 15, 1000000);
	comparison = compare(before, after, NULL);
	ck_assert_uint_eq(comparison->n_slower + comparison->n_faster, 0);
	ck_assert_ptr_null(row(comparison, "parse"));
	ck_assert_str_eq(row(comparison, "parse.constprop.0")->other, "parse");
	ck_assert_int_eq(row(comparison, "parse.constprop.0")->fate, COMPARE_RENAMED);
	ck_assert_int_eq(row(comparison, "parse.constprop.0")->n_samples[0], 1500);
}
END_TEST

START_TEST(an_inlined_function_is_compared_with_its_caller)
{
	CLEANUP(profile_unrefp) struct profile *before = program(), *after = program();
	CLEANUP(comparison_freep) struct comparison *comparison = NULL, *back = NULL;

	add(before, "main@/bin/x;a@/bin/x;hash@/bin/x", 15, 1000000);
	add(after, "main@/bin/x;a@/bin/x", 15, 1000000);
	comparison = compare(before, after, NULL);
	ck_assert_uint_eq(comparison->n_slower + comparison->n_faster, 0);
	ck_assert_int_eq(row(comparison, "a")->fate, COMPARE_INLINED);
	ck_assert_str_eq(row(comparison, "a")->other, "hash");
	back = compare(after, before, NULL);
	ck_assert_uint_eq(back->n_slower + back->n_faster, 0);
	ck_assert_int_eq(row(back, "a")->fate, COMPARE_OUTLINED);
}
END_TEST

START_TEST(a_function_that_is_gone_is_faster_and_one_that_came_slower)
{
	CLEANUP(profile_unrefp) struct profile *before = program(), *after = program();
	CLEANUP(comparison_freep) struct comparison *comparison = NULL;

	add(before, "main@/bin/x;old@/bin/x", 15, 1000000);
	add(after, "main@/bin/x;new@/lib/y", 40, 1000000);
	comparison = compare(before, after, NULL);
	ck_assert_uint_eq(comparison->n_slower, 1);
	ck_assert_uint_eq(comparison->n_faster, 1);
	ck_assert_str_eq(comparison->rows[0].name, "new");
	ck_assert(isinf(comparison->rows[0].change));
	ck_assert(isinf(comparison->rows[0].high));
	ck_assert_double_eq_tol(row(comparison, "old")->change, -1, 1e-9);
	ck_assert_int_eq(row(comparison, "old")->verdict, COMPARE_FASTER);
}
END_TEST

static void unnamed_add(struct profile *profile, const char *build_id, const char *name)
{
	struct profile_mapping mapping = {0};
	struct profile_frame frame = {.address = strlen(name)};
	struct profile_function function = {0};
	struct profile_line line = {0};
	struct profile_sample sample = {.thread = 1};
	int64_t values[] = {20, 20000000};

	ck_assert_int_eq(profile_add_string(profile, "/lib/libz.so", &mapping.path), 0);
	ck_assert_int_eq(profile_add_string(profile, build_id, &mapping.build_id), 0);
	ck_assert_int_eq(profile_add_mapping(profile, &mapping, &frame.mapping), 0);
	ck_assert_int_eq(profile_add_string(profile, name, &function.name), 0);
	ck_assert_int_eq(profile_add_string(profile, "stripped", &frame.unnamed), 0);
	ck_assert_int_eq(profile_add_function(profile, &function, &line.function), 0);
	ck_assert_int_eq(profile_add_frame(profile, &frame, &line, 1, &sample.stack), 0);
	ck_assert_int_eq(profile_add_stack(profile, 0, sample.stack, &sample.stack), 0);
	for (; sample.slice < 100; sample.slice++)
		ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
}

START_TEST(addresses_that_an_update_moved_are_no_change)
{
	CLEANUP(profile_unrefp) struct profile *before = program(), *after = program();
	CLEANUP(profile_unrefp) struct profile *same = program();
	CLEANUP(comparison_freep) struct comparison *moved = NULL, *unmoved = NULL;

	unnamed_add(before, "01", "[libz.so+0x10]");
	unnamed_add(before, "01", "[libz.so+0x900]");
	unnamed_add(same, "01", "[libz.so+0x10]");
	unnamed_add(same, "01", "[libz.so+0x900]");
	unnamed_add(after, "02", "[libz.so+0x40]");
	unnamed_add(after, "02", "[libz.so+0xa0000]");
	moved = compare(before, after, NULL);
	ck_assert_uint_eq(moved->n_slower + moved->n_faster, 0);
	ck_assert_int_eq(row(moved, "[libz.so, without names]")->n_samples[0], 4000);
	ck_assert_int_eq(row(moved, "[libz.so, without names]")->n_samples[1], 4000);
	unmoved = compare(before, same, NULL);
	ck_assert_ptr_nonnull(row(unmoved, "[libz.so+0x10]"));
}
END_TEST

/* A program that does one thing for five seconds and then another cannot be told from a changed one. */
START_TEST(what_swings_too_slowly_is_no_evidence)
{
	CLEANUP(profile_unrefp) struct profile *before = program(), *after = program();
	CLEANUP(comparison_freep) struct comparison *comparison = NULL;
	struct profile_sample sample = {.thread = 1};
	int64_t values[] = {40, 40000000};

	ck_assert_int_eq(
		profile_add_stack(after, 0, fixture_frame(after, "slow@/bin/x"), &sample.stack), 0);
	for (; sample.slice < 50; sample.slice++)
		ck_assert_int_eq(profile_add_sample(after, &sample, values), 0);
	comparison = compare(before, after, NULL);
	ck_assert_int_eq(row(comparison, "slow")->is_unsettled, 1);
	ck_assert_int_eq(row(comparison, "slow")->verdict, COMPARE_NO_EVIDENCE);
	ck_assert(isnan(row(comparison, "slow")->p));
}
END_TEST

START_TEST(what_cannot_be_compared_is_said)
{
	CLEANUP(profile_unrefp) struct profile *profile = program(), *empty = fixture_new();
	const struct compare_side sides[] = {{(const struct profile *const *)&profile, 1},
		{(const struct profile *const *)&empty, 1}};
	const struct compare_options work = {.mode = COMPARE_WORK};
	const struct compare_side same[] = {sides[0], sides[0]};
	struct comparison *comparison = NULL;
	struct profile_error error;

	ck_assert_int_eq(comparison_new(sides, NULL, &comparison, &error), COMPARE_IMPOSSIBLE);
	ck_assert_str_eq(error.text, "the second side has no samples");
	ck_assert_int_eq(comparison_new(same, &work, &comparison, &error), COMPARE_IMPOSSIBLE);
	ck_assert_ptr_null(comparison);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		one_sample_against_none_is_no_evidence,
		what_slows_down_does_not_make_everything_else_faster,
		unequal_rates_and_durations_compare_by_time,
		recursion_is_counted_once,
		a_renamed_function_is_compared_with_itself,
		an_inlined_function_is_compared_with_its_caller,
		a_function_that_is_gone_is_faster_and_one_that_came_slower,
		addresses_that_an_update_moved_are_no_change,
		what_swings_too_slowly_is_no_evidence,
		what_cannot_be_compared_is_said,
	};

	return check_main("compare", tests, ARRAY_SIZE(tests));
}
