/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Merging and narrowing: what goes in comes out, and the ledger adds up. */

#include "proto/profile/merge.h"

#include <errno.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/folded.h"
#include "proto/profile/narrow.h"
#include "tests/lib/check-main.h"
#include "tests/unit/proto/profile/fixture.h"

static void assert_folded(const struct profile *profile, const char *expected)
{
	CLEANUP(buffer_done) struct buffer out = {};

	ck_assert_int_eq(folded_encode(profile, NULL, &out), 0);
	ck_assert_str_eq(out.data ? out.data : "", expected);
}

START_TEST(merging_into_a_new_profile_takes_everything_over)
{
	CLEANUP(profile_unrefp) struct profile *from = fixture_hostile(), *into = profile_new();

	ck_assert_int_eq(merge_add(into, from), 0);
	fixture_assert_equal(from, into);
}
END_TEST

START_TEST(merging_twice_doubles_values_ledger_and_times)
{
	CLEANUP(profile_unrefp) struct profile *from = fixture_hostile(), *into = profile_new();

	ck_assert_int_eq(merge_add(into, from), 0);
	ck_assert_int_eq(merge_add(into, from), 0);
	ck_assert_uint_eq(into->n_samples, from->n_samples);
	ck_assert_uint_eq(into->ledger.kept, from->ledger.kept * 2);
	ck_assert_uint_eq(into->ledger.taken, from->ledger.taken * 2);
	ck_assert_uint_eq(profile_n_lost(into), profile_n_lost(from) * 2);
	ck_assert_uint_eq(into->ledger.missed, from->ledger.missed * 2);
	ck_assert_uint_eq(into->conditions.duration_ns, from->conditions.duration_ns * 2);
	ck_assert_uint_eq(into->conditions.scheduler_ns, from->conditions.scheduler_ns * 2);
	ck_assert_double_eq(into->conditions.frequency_asked, 99);
	ck_assert_str_eq(profile_string(into, into->conditions.event), "cpu-clock");
}
END_TEST

START_TEST(runs_of_a_command_stand_one_behind_the_other)
{
	CLEANUP(profile_unrefp) struct profile *run = fixture_new(), *into = profile_new();
	CLEANUP(profile_unrefp) struct profile *again = profile_new();
	struct profile_run figures = {.wall_ns = 7, .user_ns = 5};

	fixture_add(run, fixture_thread(run, "x", 1, 1), "main", NULL, 4);
	run->conditions.duration_ns = UINT64_C(250000000);
	run->conditions.start_realtime_ns = 1000000000;
	fixture_seal(run);
	ck_assert_int_eq(merge_add_run(into, run, &figures), 0);
	figures.user_ns = 6;
	/* At the same time, says the clock. */
	ck_assert_int_eq(merge_add_run(into, run, &figures), 0);
	ck_assert_uint_eq(into->n_runs, 2);
	ck_assert_uint_eq(into->runs[0].n_slices, 3);
	ck_assert_uint_eq(into->runs[1].first_slice, 3);
	ck_assert_uint_eq(into->runs[1].user_ns, 6);
	ck_assert_uint_eq(into->n_samples, 2);
	ck_assert_uint_eq(into->samples[1].slice, 3);
	ck_assert_uint_eq(into->ledger.kept, 8);
	ck_assert_int_eq(profile_add_run(into, &(struct profile_run){.first_slice = 5}), -EINVAL);
	ck_assert_int_eq(merge_add(again, into), 0);
	ck_assert_uint_eq(again->n_runs, 2);
	ck_assert_int_eq(merge_add(again, into), 0);
	ck_assert_uint_eq(again->n_runs, 0);
}
END_TEST

START_TEST(conditions_that_differ_become_several_and_later_slices_move)
{
	CLEANUP(profile_unrefp) struct profile *a = fixture_new(), *b = fixture_new();

	ck_assert_int_eq(profile_add_string(a, "one", &a->conditions.host), 0);
	ck_assert_int_eq(profile_add_string(b, "two", &b->conditions.host), 0);
	ck_assert_int_eq(profile_add_string(b, "6.1", &b->conditions.kernel), 0);
	a->conditions.start_realtime_ns = 1000000000;
	b->conditions.start_realtime_ns = 3000000000;
	fixture_add(a, fixture_thread(a, "x", 1, 1), "main", NULL, 1);
	fixture_add(b, fixture_thread(b, "x", 1, 1), "main", NULL, 1);
	ck_assert_int_eq(merge_add(a, b), 0);
	ck_assert_str_eq(profile_string(a, a->conditions.host), "several");
	ck_assert_str_eq(profile_string(a, a->conditions.kernel), "6.1");
	ck_assert_uint_eq(a->n_samples, 2);
	ck_assert_uint_eq(a->samples[1].slice, 20);
}
END_TEST

START_TEST(value_types_are_matched_by_name_and_refused_if_they_differ)
{
	CLEANUP(profile_unrefp) struct profile *a = fixture_new(), *b = profile_new();
	CLEANUP(profile_unrefp) struct profile *c = profile_new();
	const int64_t values[] = {50, 4};

	ck_assert_int_eq(profile_add_value_type(b, "cpu", "nanoseconds"), 0);
	ck_assert_int_eq(profile_add_value_type(b, "samples", "count"), 0);
	ck_assert_int_eq(profile_add_sample(b, &(struct profile_sample){}, values), 0);
	ck_assert_int_eq(merge_add(a, b), 0);
	ck_assert_int_eq(profile_value(a, 0, 0), 4);
	ck_assert_int_eq(profile_value(a, 0, 1), 50);
	ck_assert_int_eq(profile_add_value_type(c, "samples", "count"), 0);
	ck_assert_int_eq(merge_add(a, c), MERGE_TYPES_DIFFER);
	ck_assert_uint_eq(a->n_samples, 1);
}
END_TEST

static struct profile *two_programs(void)
{
	struct profile *profile = fixture_new();
	uint32_t a = fixture_thread(profile, "a", 10, 11), b = fixture_thread(profile, "b", 20, 21);

	fixture_add(profile, a, "main;parse;malloc", NULL, 1);
	fixture_add(profile, a, "main;render;malloc", NULL, 2);
	fixture_add(profile, b, "main;in_parse<poll", "depth", 4);
	profile->samples[1].slice = 12;
	profile->conditions.duration_ns = 5000000000;
	ck_assert_int_eq(profile_count_lost(profile, "ring-full", 9), 0);
	fixture_seal(profile);
	return profile;
}

START_TEST(narrowing_keeps_what_matches)
{
	static const struct {
		struct narrow_options options;
		const char *folded;
	} cases[] = {
		{{.comm = "a"}, "a;main;parse;malloc 1\na;main;render;malloc 2\n"},
		{{.pid = 20}, "b;[truncated:depth];main;poll;in_parse 4\n"},
		{{.thread = "11", .focus = "^render$"}, "a;main;render;malloc 2\n"},
		{{.focus = "parse"},
			"a;main;parse;malloc 1\nb;[truncated:depth];main;poll;in_parse 4\n"},
		{{.ignore = "parse"}, "a;main;render;malloc 2\n"},
		{{.focus = "malloc", .ignore = "^(parse|poll)$"}, "a;main;render;malloc 2\n"},
		{{.from_ns = 1000000000}, "a;main;render;malloc 2\n"},
		{{.from_ns = 1200000000, .to_ns = 1300000000}, "a;main;render;malloc 2\n"},
		{{.to_ns = 1200000000},
			"a;main;parse;malloc 1\nb;[truncated:depth];main;poll;in_parse 4\n"},
		{{.comm = "none"}, ""},
		{{},
			"a;main;parse;malloc 1\na;main;render;malloc 2\n"
			"b;[truncated:depth];main;poll;in_parse 4\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(profile_unrefp) struct profile *profile = two_programs(), *narrowed = NULL;
		const struct profile_ledger *ledger;

		ck_assert_int_eq(narrow_profile(profile, &cases[i].options, &narrowed, NULL), 0);
		assert_folded(narrowed, cases[i].folded);
		ledger = &narrowed->ledger;
		ck_assert_uint_eq(ledger->taken, ledger->kept + 9);
		ck_assert_uint_eq(ledger->kept, ledger->complete + profile_n_truncated(narrowed));
	}
}
END_TEST

START_TEST(a_time_range_has_its_own_length_and_start)
{
	CLEANUP(profile_unrefp) struct profile *profile = two_programs(), *narrowed = NULL;
	const struct narrow_options options = {.from_ns = 1000000000, .to_ns = 3000000000};

	ck_assert_int_eq(narrow_profile(profile, &options, &narrowed, NULL), 0);
	ck_assert_uint_eq(narrowed->conditions.duration_ns, 2000000000);
	ck_assert_uint_eq(narrowed->samples[0].slice, 2);
	ck_assert_uint_eq(narrowed->conditions.sampled_ns, 20000000);
	ck_assert_str_eq(
		profile_string(narrowed, narrowed->conditions.notes), "narrowed to from=1s to=3s");
}
END_TEST

/* A profile with one function, of this source file. */
static struct profile *of_file(const char *path)
{
	struct profile *profile = fixture_new();
	uint32_t thread = fixture_thread(profile, "a", 10, 11);

	fixture_add(profile, thread, "main", NULL, 1);
	ck_assert_int_eq(profile_add_string(
				 profile, path, &profile->functions[profile->n_functions - 1].file),
		0);
	fixture_seal(profile);
	return profile;
}

START_TEST(directories_of_source_files_are_replaced_whole)
{
	static const struct path_substitution substitutions[] = {
		{"/build/redis=", strlen("/build/redis"), "/src"},
		{"/build/", strlen("/build/"), "/home/me/"},
		{"gen=", strlen("gen"), "/usr/share/gen"},
		{"/src=", strlen("/src"), "/not/twice"},
	};
	static const char *const cases[][2] = {
		{"/build/redis/server.c", "/src/server.c"}, /* the first that fits, and no second */
		{"/build/redis-7/server.c", "/home/me/redis-7/server.c"},
		{"/build", "/home/me"},
		{"/builder/a.c", "/builder/a.c"},
		{"/x/build/a.c", "/x/build/a.c"},
		{"gen/a.c", "/usr/share/gen/a.c"},
		{"generated.c", "generated.c"},
		{"", ""},
	};
	struct narrow_options options = {.n_substitutions = ARRAY_SIZE(substitutions)};

	memcpy(options.substitutions, substitutions, sizeof(substitutions));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(profile_unrefp) struct profile *profile = of_file(cases[i][0]);
		CLEANUP(profile_unrefp) struct profile *moved = NULL;

		profile->conditions.scheduler_ns = 7;
		ck_assert_int_eq(narrow_profile(profile, &options, &moved, NULL), 0);
		ck_assert_str_eq(
			profile_string(moved, moved->functions[moved->n_functions - 1].file),
			cases[i][1]);
		/* It is no other choice of samples. */
		ck_assert_uint_eq(moved->conditions.notes, 0);
		ck_assert_uint_eq(moved->conditions.scheduler_ns, 7);
	}
}
END_TEST

START_TEST(a_bad_expression_is_named)
{
	CLEANUP(profile_unrefp) struct profile *profile = two_programs(), *narrowed = NULL;
	const struct narrow_options options = {.focus = "a(b"};
	struct profile_error error = {};

	ck_assert_int_eq(narrow_profile(profile, &options, &narrowed, &error), PROFILE_MALFORMED);
	ck_assert_ptr_null(narrowed);
	ck_assert_msg(strstr(error.text, "'a(b'"), "%s", error.text);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		merging_into_a_new_profile_takes_everything_over,
		merging_twice_doubles_values_ledger_and_times,
		runs_of_a_command_stand_one_behind_the_other,
		conditions_that_differ_become_several_and_later_slices_move,
		value_types_are_matched_by_name_and_refused_if_they_differ,
		narrowing_keeps_what_matches,
		a_time_range_has_its_own_length_and_start,
		directories_of_source_files_are_replaced_whole,
		a_bad_expression_is_named,
	};

	return check_main("merge", tests, ARRAY_SIZE(tests));
}
