/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rankings: against counting by hand, with recursion and inlined functions. */

#include "proto/profile/rank.h"

#include <math.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/pprof.h"
#include "tests/lib/check-main.h"
#include "tests/unit/proto/profile/fixture.h"

static struct ranking *rank(const struct profile *profile, enum rank_by by, enum rank_sort sort)
{
	const struct rank_options options = {.by = by, .sort = sort};
	struct ranking *ranking = NULL;

	ck_assert_int_eq(ranking_new(profile, &options, &ranking), 0);
	return ranking;
}

static const struct rank_row *row(
	const struct profile *profile, const struct ranking *ranking, const char *name)
{
	for (size_t i = 0; i < ranking->n_rows; i++)
		if (!strcmp(ranking_name(profile, &ranking->rows[i]), name))
			return &ranking->rows[i];
	ck_abort_msg("no row %s", name);
}

START_TEST(self_is_the_innermost_leaf_and_total_counts_a_stack_once)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	fixture_add(profile, thread, "main;f;f;f", NULL, 10);
	fixture_add(profile, thread, "main;f;g;f;in<f", NULL, 5);
	fixture_add(profile, thread, "main", NULL, 1);
	fixture_add(profile, thread, "", NULL, 4);
	ranking = rank(profile, RANK_BY_FUNCTION, RANK_SORT_SELF);
	ck_assert_int_eq(ranking->whole, 20);
	ck_assert_int_eq(ranking->n_samples, 20);
	ck_assert_uint_eq(ranking->n_rows, 4);
	ck_assert_int_eq(row(profile, ranking, "f")->self, 10);
	ck_assert_int_eq(row(profile, ranking, "f")->total, 15);
	ck_assert_int_eq(row(profile, ranking, "in")->self, 5);
	ck_assert_int_eq(row(profile, ranking, "in")->total, 5);
	ck_assert_int_eq(row(profile, ranking, "in")->is_inlined, 1);
	ck_assert_int_eq(row(profile, ranking, "g")->self, 0);
	ck_assert_int_eq(row(profile, ranking, "main")->total, 16);
	ck_assert_int_eq(row(profile, ranking, "main")->self, 1);
	ck_assert_ptr_eq(row(profile, ranking, "f"), &ranking->rows[0]);
	ck_assert_double_eq_tol(ranking->rows[0].self_share.share, 0.5, 1e-12);
}
END_TEST

START_TEST(functions_of_one_name_are_one_and_the_heaviest_gives_the_module)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	fixture_add(profile, thread, "main@/bin/x;copy@/lib/a", NULL, 3);
	fixture_add(profile, thread, "main@/bin/x;copy@/lib/b", NULL, 5);
	fixture_add(profile, thread, "main@/bin/x;copy@/lib/a;copy@/lib/b", NULL, 1);
	ranking = rank(profile, RANK_BY_FUNCTION, RANK_SORT_SELF);
	ck_assert_uint_eq(ranking->n_rows, 2);
	ck_assert_int_eq(ranking->rows[0].self, 9);
	ck_assert_int_eq(ranking->rows[0].total, 9);
	ck_assert_str_eq(profile_string(profile, ranking->rows[0].module), "/lib/b");
}
END_TEST

START_TEST(modules_and_lines_are_ranked_too)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(ranking_freep) struct ranking *modules = NULL, *lines = NULL;
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	fixture_add(profile, thread, "main@/bin/x;f@/lib/a;g@/lib/a", NULL, 3);
	fixture_add(profile, thread, "main@/bin/x;k:sys", NULL, 2);
	modules = rank(profile, RANK_BY_MODULE, RANK_SORT_TOTAL);
	ck_assert_uint_eq(modules->n_rows, 3);
	ck_assert_str_eq(ranking_name(profile, &modules->rows[0]), "/bin/x");
	ck_assert_int_eq(modules->rows[0].total, 5);
	ck_assert_int_eq(modules->rows[0].self, 0);
	ck_assert_str_eq(ranking_name(profile, &modules->rows[1]), "/lib/a");
	ck_assert_int_eq(modules->rows[1].total, 3);
	ck_assert_int_eq(modules->rows[1].self, 3);
	ck_assert_str_eq(ranking_name(profile, &modules->rows[2]), "[unknown]");
	lines = rank(profile, RANK_BY_LINE, RANK_SORT_SELF);
	ck_assert_uint_eq(lines->n_rows, 4);
	ck_assert_str_eq(ranking_name(profile, &lines->rows[0]), "g");
}
END_TEST

START_TEST(equal_rows_come_in_the_order_of_their_names)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	fixture_add(profile, thread, "c", NULL, 1);
	fixture_add(profile, thread, "a", NULL, 1);
	fixture_add(profile, thread, "b", NULL, 1);
	ranking = rank(profile, RANK_BY_FUNCTION, RANK_SORT_SELF);
	ck_assert_str_eq(ranking_name(profile, &ranking->rows[0]), "a");
	ck_assert_str_eq(ranking_name(profile, &ranking->rows[1]), "b");
	ck_assert_str_eq(ranking_name(profile, &ranking->rows[2]), "c");
}
END_TEST

START_TEST(threads_processes_and_units_are_ranked_by_what_they_are_called)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(ranking_freep) struct ranking *threads = NULL, *processes = NULL, *units = NULL;

	fixture_add(profile, fixture_thread(profile, "a", 1, 1), "main;f", NULL, 3);
	fixture_add(profile, fixture_thread(profile, "a", 1, 2), "main;f", NULL, 5);
	fixture_add(profile, fixture_thread(profile, "b", 9, 9), "main;f;f", NULL, 6);
	threads = rank(profile, RANK_BY_THREAD, RANK_SORT_SELF);
	ck_assert_uint_eq(threads->n_rows, 3);
	ck_assert_str_eq(ranking_name(profile, &threads->rows[0]), "b (9)");
	ck_assert_str_eq(ranking_name(profile, &threads->rows[1]), "a (1) / (2)");
	ck_assert_int_eq(threads->rows[1].total, 5);
	processes = rank(profile, RANK_BY_PROCESS, RANK_SORT_TOTAL);
	ck_assert_uint_eq(processes->n_rows, 2);
	ck_assert_str_eq(ranking_name(profile, &processes->rows[0]), "a (1)");
	ck_assert_int_eq(processes->rows[0].self, 8);
	ck_assert_int_eq(processes->whole, 14);
	units = rank(profile, RANK_BY_UNIT, RANK_SORT_SELF);
	ck_assert_uint_eq(units->n_rows, 1);
	ck_assert_str_eq(ranking_name(profile, &units->rows[0]), "[no unit]");
	ck_assert_double_eq_tol(units->rows[0].self_share.share, 1, 1e-12);
}
END_TEST

static struct ranking *rank_beside(const struct profile *profile, enum rank_by by, const char *name)
{
	struct rank_options options = {.by = by, .sort = RANK_SORT_TOTAL};
	struct ranking *ranking = NULL;
	struct profile_error error;

	ck_assert_int_eq(ranking_find_function(profile, name, &options.function, &error), 0);
	ck_assert_int_eq(ranking_new(profile, &options, &ranking), 0);
	return ranking;
}

START_TEST(callers_and_callees_count_a_stack_once)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(ranking_freep) struct ranking *callers = NULL, *callees = NULL;
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	fixture_add(profile, thread, "main;f;f;f;g", NULL, 10);
	fixture_add(profile, thread, "main;in<f", NULL, 5);
	fixture_add(profile, thread, "f", NULL, 2);
	fixture_add(profile, thread, "main;g", NULL, 100);
	callers = rank_beside(profile, RANK_BY_CALLER, "f");
	ck_assert_int_eq(callers->whole, 17);
	ck_assert_int_eq(callers->n_samples, 17);
	ck_assert_uint_eq(callers->n_rows, 3);
	ck_assert_int_eq(row(profile, callers, "main")->total, 15);
	ck_assert_int_eq(row(profile, callers, "f")->total, 10);
	ck_assert_int_eq(row(profile, callers, "[nobody: a root]")->total, 2);
	callees = rank_beside(profile, RANK_BY_CALLEE, "f");
	ck_assert_uint_eq(callees->n_rows, 4);
	ck_assert_int_eq(row(profile, callees, "g")->total, 10);
	ck_assert_int_eq(row(profile, callees, "g")->self, 10);
	ck_assert_int_eq(row(profile, callees, "f")->total, 10);
	ck_assert_int_eq(row(profile, callees, "in")->total, 5);
	ck_assert_int_eq(row(profile, callees, "[self]")->total, 2);
}
END_TEST

START_TEST(a_function_is_found_by_its_name_or_the_only_one_that_holds_it)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t thread = fixture_thread(profile, "a", 1, 1), function = 0;
	struct profile_error error = {0};

	fixture_add(profile, thread, "read;pread64;ns::walk(int)", NULL, 1);
	ck_assert_int_eq(ranking_find_function(profile, "read", &function, &error), 0);
	ck_assert_str_eq(profile_string(profile, function), "read");
	ck_assert_int_eq(ranking_find_function(profile, "walk", &function, &error), 0);
	ck_assert_str_eq(profile_string(profile, function), "ns::walk(int)");
	ck_assert_int_eq(
		ranking_find_function(profile, "rea", &function, &error), RANK_NO_FUNCTION);
	ck_assert_str_eq(error.text, "no function is called 'rea'; there are 'read', 'pread64'");
	ck_assert_int_eq(
		ranking_find_function(profile, "nothing", &function, &error), RANK_NO_FUNCTION);
}
END_TEST

START_TEST(the_score_is_half_self_half_total)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	fixture_add(profile, thread, "main;f", NULL, 55);
	fixture_add(profile, thread, "main;g;h", NULL, 40);
	fixture_add(profile, thread, "main", NULL, 5);
	ranking = rank(profile, RANK_BY_FUNCTION, RANK_SORT_SCORE);
	ck_assert_str_eq(ranking_name(profile, &ranking->rows[0]), "f");
	ck_assert_double_eq_tol(ranking->rows[0].score, 55, 1e-9);
	ck_assert_str_eq(ranking_name(profile, &ranking->rows[1]), "main");
	ck_assert_double_eq_tol(ranking->rows[1].score, 52.5, 1e-9);
	ck_assert_str_eq(ranking_name(profile, &ranking->rows[3]), "g");
}
END_TEST

/* 55 and 45 of 100: variance of the difference (1 - 0.01) / 100, so z = 1.005; 95 % needs
 * (1.96 / 1.005)^2 = 3.80 times as many. */
START_TEST(sufficiency_says_how_much_more_would_do)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	struct rank_sufficiency sufficiency;
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	fixture_add(profile, thread, "f", NULL, 55);
	fixture_add(profile, thread, "g", NULL, 45);
	ranking = rank(profile, RANK_BY_FUNCTION, RANK_SORT_SELF);
	sufficiency = ranking_sufficiency(ranking);
	ck_assert_double_eq_tol(sufficiency.telling_apart, 2.803, 0.001);
	ck_assert_double_eq_tol(sufficiency.half_width, 0.0957, 0.0001);
	ck_assert_double_eq(sufficiency.halving, 3);
	fixture_add(profile, thread, "f", NULL, 500);
	ranking = ranking_free(ranking);
	ranking = rank(profile, RANK_BY_FUNCTION, RANK_SORT_SELF);
	ck_assert_double_eq(ranking_sufficiency(ranking).telling_apart, 0);
}
END_TEST

/* The same by walking each sample and looking at names only. */
static void slow_count(
	const struct profile *profile, const char *name, int64_t *ret_self, int64_t *ret_total)
{
	*ret_self = *ret_total = 0;
	for (size_t i = 0; i < profile->n_samples; i++) {
		bool is_first = true, is_seen = false;

		for (uint32_t at = profile->samples[i].stack; at; at = profile->stacks[at].parent) {
			const struct profile_frame
				*frame = &profile->frames[profile->stacks[at].frame];

			for (size_t line = 0; line < frame->n_lines; line++) {
				uint32_t function = profile->lines[frame->first_line + line]
							    .function;
				bool is_it = !strcmp(
					profile_function_name(profile, function), name);

				if (is_it && is_first)
					*ret_self += profile_value(profile, i, 0);
				is_seen |= is_it;
				is_first = false;
			}
		}
		*ret_total += is_seen ? profile_value(profile, i, 0) : 0;
	}
}

START_TEST(it_agrees_with_counting_name_by_name)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_random(7, 2000);
	CLEANUP(ranking_freep)
	struct ranking *ranking = rank(profile, RANK_BY_FUNCTION, RANK_SORT_TOTAL);

	ck_assert_uint_ge(ranking->n_rows, 15);
	for (size_t i = 0; i < ranking->n_rows; i++) {
		int64_t self, total;

		slow_count(profile, ranking_name(profile, &ranking->rows[i]), &self, &total);
		ck_assert_int_eq(ranking->rows[i].self, self);
		ck_assert_int_eq(ranking->rows[i].total, total);
		if (i)
			ck_assert_int_le(total, ranking->rows[i - 1].total);
	}
}
END_TEST

/* Computed apart from this code, from the formula. */
/* As recorded, in no order; and in preorder, as we write files. */
START_TEST(the_order_of_stacks_changes_nothing)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_random(7, 2000), *read = NULL;
	CLEANUP(buffer_done) struct buffer bytes = {0};
	struct profile_error error;

	ck_assert_int_eq(pprof_encode(profile, &bytes), 0);
	ck_assert_int_eq(pprof_decode(bytes.data, bytes.size, &read, &error), 0);
	for (enum rank_by by = RANK_BY_FUNCTION; by <= RANK_BY_LINE; by++) {
		CLEANUP(ranking_freep) struct ranking *a = rank(profile, by, RANK_SORT_TOTAL);
		CLEANUP(ranking_freep) struct ranking *b = rank(read, by, RANK_SORT_TOTAL);

		ck_assert_uint_eq(a->n_rows, b->n_rows);
		for (size_t i = 0; i < a->n_rows; i++) {
			ck_assert_str_eq(ranking_name(profile, &a->rows[i]),
				ranking_name(read, &b->rows[i]));
			ck_assert_int_eq(a->rows[i].self, b->rows[i].self);
			ck_assert_int_eq(a->rows[i].total, b->rows[i].total);
			ck_assert_int_eq(a->rows[i].is_inlined, b->rows[i].is_inlined);
			ck_assert_str_eq(profile_string(profile, a->rows[i].module),
				profile_string(read, b->rows[i].module));
		}
	}
}
END_TEST

START_TEST(intervals_are_wilsons)
{
	static const struct {
		double share, n, low, high;
	} cases[] = {
		{0.5, 100, 0.403832, 0.596168},
		{0.2, 17000, 0.194055, 0.206080},
		{0.01, 990, 0.005425, 0.018363},
		{0, 50, 0, 0.071348},
		{1, 50, 0.928652, 1},
		{0.3, 0, 0, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rank_share share = rank_share_of(cases[i].share, cases[i].n);

		ck_assert_double_eq_tol(share.low, cases[i].low, 2e-6);
		ck_assert_double_eq_tol(share.high, cases[i].high, 2e-6);
		ck_assert_double_le(share.low, share.share);
		ck_assert_double_ge(share.high, share.share);
	}
}
END_TEST

START_TEST(the_bound_is_amdahls)
{
	ck_assert_double_eq_tol(rank_share_of(0.5, 10).speedup_max, 2, 1e-12);
	ck_assert_double_eq_tol(rank_share_of(0.9, 10).speedup_max, 10, 1e-9);
	ck_assert_double_eq_tol(rank_share_of(0, 10).speedup_max, 1, 1e-12);
	ck_assert(isinf(rank_share_of(1, 10).speedup_max));
	ck_assert_double_eq(rank_share_of(NAN, 10).share, 0);
}
END_TEST

START_TEST(an_empty_profile_has_no_rows)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(ranking_freep)
	struct ranking *ranking = rank(profile, RANK_BY_FUNCTION, RANK_SORT_SELF);

	ck_assert_uint_eq(ranking->n_rows, 0);
	ck_assert_int_eq(ranking->whole, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		self_is_the_innermost_leaf_and_total_counts_a_stack_once,
		functions_of_one_name_are_one_and_the_heaviest_gives_the_module,
		modules_and_lines_are_ranked_too,
		equal_rows_come_in_the_order_of_their_names,
		threads_processes_and_units_are_ranked_by_what_they_are_called,
		callers_and_callees_count_a_stack_once,
		a_function_is_found_by_its_name_or_the_only_one_that_holds_it,
		the_score_is_half_self_half_total,
		sufficiency_says_how_much_more_would_do,
		it_agrees_with_counting_name_by_name,
		the_order_of_stacks_changes_nothing,
		intervals_are_wilsons,
		the_bound_is_amdahls,
		an_empty_profile_has_no_rows,
	};

	return check_main("rank", tests, ARRAY_SIZE(tests));
}
