/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What an answer is like: in parts by the clock, and within bounds however much there is. */

#include <stdio.h>
#include <string.h>

#include "daemon/store/query-fit.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"
#include "tests/unit/daemon/store/make-window.h"

#define MUCH (UINT64_MAX / 4)
#define SLICES(ns) ((uint32_t)((ns) / SLICE_NS))

#define SAMPLES_MAX 1000

static struct profile *ask_parts(
	struct place *place, uint64_t from_ns, uint64_t to_ns, uint32_t n_parts)
{
	struct store_query query = {.since_ns = EPOCH_NS + from_ns,
		.until_ns = EPOCH_NS + to_ns,
		.n_parts = n_parts,
		.is_admin = 1,
		.sees_kernel = 1};
	struct profile *profile = NULL;

	ck_assert_int_eq(
		query_profile_within(&place->store.database, &query, SAMPLES_MAX, &profile), 0);
	return profile;
}

static void put_window(struct place *place, uint64_t at_ns, uint64_t n)
{
	struct window window;

	window_begin(&window, at_ns);
	window_sample(&window, "a", 0, "f1", n);
	ck_assert_int_eq(window_store(&window, place, (uint32_t)(at_ns / NS_PER_SECOND)), 0);
	window_done(&window);
}

START_TEST(parts_are_those_of_the_clock)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	/* Three windows, a gap of two, and one more. */
	for (uint64_t i = 0; i < 6; i++)
		if (i < 3 || i == 5)
			put_window(&place, i * WINDOW_NS, i + 1);
	profile = ask_parts(&place, 0, 6 * WINDOW_NS, 3);
	ck_assert_uint_eq(profile->conditions.start_realtime_ns, EPOCH_NS);
	ck_assert_uint_eq(profile->n_runs, 3);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(profile->runs[i].first_slice, i * SLICES(2 * WINDOW_NS));
		ck_assert_uint_eq(profile->runs[i].n_slices, SLICES(2 * WINDOW_NS));
		ck_assert_uint_eq(profile->samples[i].slice, profile->runs[i].first_slice);
		ck_assert_int_eq(profile_value(profile, i, 0), 3 + 3 * (int64_t)(i == 2));
	}
	profile_unref(profile);
	/* Finer than windows are: what each covers is one run, and the gap lies between two. */
	profile = ask_parts(&place, 0, 6 * WINDOW_NS, 30);
	ck_assert_uint_eq(profile->n_runs, 4);
	ck_assert_uint_eq(profile->runs[2].first_slice, SLICES(2 * WINDOW_NS));
	ck_assert_uint_eq(profile->runs[2].n_slices, SLICES(WINDOW_NS));
	ck_assert_uint_eq(profile->runs[3].first_slice, SLICES(5 * WINDOW_NS));
	profile_unref(profile);
	profile = ask_parts(&place, 0, 6 * WINDOW_NS, 1);
	ck_assert_uint_eq(profile->n_samples, 1);
	ck_assert_uint_eq(count_all(profile), 12);
	place_done(&place);
}
END_TEST

/* Each sample has a stack and a process of its own, but for one that is hot. */
static void put_crowd(struct place *place, uint64_t at_ns, uint32_t n)
{
	struct window window;
	char leaf[16], comm[16];

	window_begin(&window, at_ns);
	for (uint32_t i = 0; i < n; i++) {
		snprintf(leaf, sizeof(leaf), "f%u", i + 1);
		snprintf(comm, sizeof(comm), "c%u", i % 7);
		window_sample(&window, comm, 0, leaf, 1);
	}
	window_sample(&window, "c0", 0, "f0", 1000);
	ck_assert_int_eq(window_store(&window, place, (uint32_t)(at_ns / WINDOW_NS)), 0);
	window_done(&window);
}

START_TEST(an_answer_is_bounded_and_its_totals_exact)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	const uint32_t n = SAMPLES_MAX / 2;
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	for (uint64_t i = 0; i < 3; i++)
		put_crowd(&place, i * WINDOW_NS, n);
	/* Coarser in time is enough: the stacks are the same. */
	profile = ask_parts(&place, 0, 3 * WINDOW_NS, 0);
	ck_assert_uint_le(profile->n_samples, SAMPLES_MAX);
	ck_assert_uint_eq(count_leaf(profile, "[pruned]"), 0);
	ck_assert_uint_eq(count_all(profile), 3 * (n + 1000));
	ck_assert_uint_eq(count_leaf(profile, "f0"), 3000);
	profile_unref(profile);
	/* Now it is not. */
	put_crowd(&place, 3 * WINDOW_NS, 2 * n);
	profile = ask_parts(&place, 0, 4 * WINDOW_NS, 0);
	ck_assert_uint_le(profile->n_samples, SAMPLES_MAX);
	ck_assert_uint_gt(count_leaf(profile, "[pruned]"), 0);
	ck_assert_uint_eq(count_all(profile), 5 * n + 4000);
	ck_assert_uint_eq(count_leaf(profile, "f0"), 4000);
	ck_assert_str_eq(profile_string(profile, profile->conditions.notes),
		"processes are told apart by name, not by number; stacks of fewer than 2 samples "
		"are [pruned]");
	place_done(&place);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		parts_are_those_of_the_clock,
		an_answer_is_bounded_and_its_totals_exact,
	};

	return check_main("store-asking", tests, ARRAY_SIZE(tests));
}
