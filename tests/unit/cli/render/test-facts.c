// SPDX-License-Identifier: GPL-2.0-or-later
/* The ledger in words: it adds up, and what went wrong is said. */

#include "cli/render/facts.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static uint32_t add(struct profile *profile, const char *text)
{
	uint32_t id = 0;

	ck_assert_int_eq(profile_add_string(profile, text, &id), 0);
	return id;
}

static void set_truncated(struct profile *profile, uint64_t kept, uint64_t truncated)
{
	profile->ledger.taken = profile->ledger.kept = kept;
	profile->ledger.complete = kept - truncated;
	profile->ledger.n_truncated = truncated ? 1 : 0;
	profile->ledger.truncated[0] = (struct profile_count){
		.reason = add(profile, "fp-end"), .n = truncated};
}

START_TEST(loss_is_told_above_five_per_cent_only)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	CLEANUP(buffer_done) struct buffer out = {0};

	facts_append_warning(profile, &out);
	ck_assert_uint_eq(out.size, 0);
	set_truncated(profile, 1000, 50);
	facts_append_warning(profile, &out);
	ck_assert_uint_eq(out.size, 0);
	set_truncated(profile, 1000, 51);
	facts_append_warning(profile, &out);
	ck_assert_str_eq(out.data, "5.1 % of the samples lost or truncated");
}
END_TEST

START_TEST(lost_samples_count_into_the_whole)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();

	set_truncated(profile, 90, 0);
	ck_assert_int_eq(profile_count_lost(profile, "ring-full", 10), 0);
	ck_assert_double_eq_tol(facts_loss(profile), 0.1, 1e-9);
}
END_TEST

START_TEST(the_ledger_names_each_reason)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	CLEANUP(buffer_done) struct buffer out = {0};

	set_truncated(profile, 1234, 34);
	ck_assert_int_eq(profile_count_lost(profile, "ring-full", 6), 0);
	profile->ledger.taken = 1240;
	facts_append_ledger(profile, &out);
	ck_assert_str_eq(out.data,
		"Samples: 1\u202f240 taken, 1\u202f234 kept, 6 lost (ring-full 6); of those kept "
		"1\u202f200 complete, 34 truncated (fp-end 34)\n");
}
END_TEST

START_TEST(times_that_disagree_are_told)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	CLEANUP(buffer_done) struct buffer out = {0};

	profile->conditions.sampled_ns = 10000000000;
	profile->conditions.scheduler_ns = 10100000000;
	facts_append_ledger(profile, &out);
	ck_assert_ptr_null(strstr(out.data, "scheduler"));
	profile->conditions.scheduler_ns = 12500000000;
	facts_append_ledger(profile, &out);
	ck_assert_ptr_nonnull(strstr(out.data, "scheduler"));
	ck_assert_ptr_nonnull(strstr(out.data, "(-20.0 %)"));
}
END_TEST

START_TEST(what_was_asked_and_got_is_one_line)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	CLEANUP(buffer_done) struct buffer out = {0}, title = {0};

	profile->conditions.host = add(profile, "web1");
	profile->conditions.target = add(profile, "redis-server (4242)");
	profile->conditions.event = add(profile, "cpu-clock");
	profile->conditions.event_asked = add(profile, "cpu");
	profile->conditions.frequency_asked = 99;
	profile->conditions.frequency_reached = 98.5;
	profile->ledger.kept = 1;
	facts_append_conditions(profile, &out);
	ck_assert_str_eq(out.data, "web1 · cpu-clock (asked: cpu) at 99 Hz (reached: 98.5)\n");
	facts_append_title(profile, NULL, &title);
	ck_assert_str_eq(title.data, "redis-server (4242), cpu-clock");
}
END_TEST

START_TEST(thousands_stand_apart)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
		{0, "0"}, {999, "999"}, {1000, "1\u202f000"}, {1234567, "1\u202f234\u202f567"}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buffer_done) struct buffer out = {0};

		facts_append_count(cases[i].n, &out);
		ck_assert_str_eq(out.data, cases[i].text);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		loss_is_told_above_five_per_cent_only,
		lost_samples_count_into_the_whole,
		the_ledger_names_each_reason,
		times_that_disagree_are_told,
		what_was_asked_and_got_is_one_line,
		thousands_stand_apart,
	};

	return check_main("render/facts", tests, ARRAY_SIZE(tests));
}
