/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The document's tables and its ledger. */

#include "proto/profile/profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"
#include "tests/unit/proto/profile/fixture.h"

START_TEST(equal_texts_have_one_id_and_the_empty_one_is_0)
{
	struct intern intern;
	uint32_t a, b, c, empty, prefix;

	ck_assert_int_eq(intern_init(&intern), 0);
	ck_assert_int_eq(intern_add(&intern, "abc", 3, &a), 0);
	ck_assert_int_eq(intern_add(&intern, "abcd", 3, &b), 0);
	ck_assert_int_eq(intern_add(&intern, "abc\0d", 5, &c), 0);
	ck_assert_int_eq(intern_add(&intern, "ab", 2, &prefix), 0);
	ck_assert_int_eq(intern_add(&intern, "x", 0, &empty), 0);
	ck_assert_uint_eq(a, b);
	ck_assert_uint_eq(a, c);
	ck_assert_uint_ne(a, prefix);
	ck_assert_uint_eq(empty, 0);
	ck_assert_str_eq(intern_text(&intern, 0), "");
	ck_assert_str_eq(intern_text(&intern, prefix), "ab");
	intern_done(&intern);
	ck_assert_str_eq(intern_text(&intern, 0), "");
}
END_TEST

START_TEST(ten_thousand_texts_are_told_apart)
{
	struct intern intern;

	ck_assert_int_eq(intern_init(&intern), 0);
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 1; i <= 10000; i++) {
			char text[32];
			uint32_t id;

			snprintf(text, sizeof(text), "text %u", i);
			ck_assert_int_eq(intern_add(&intern, text, strlen(text), &id), 0);
			ck_assert_uint_eq(id, i);
			ck_assert_str_eq(intern_text(&intern, id), text);
		}
	intern_done(&intern);
}
END_TEST

START_TEST(strings_of_a_profile_are_printable)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t a, b;

	ck_assert_int_eq(profile_add_string(profile, "x\x1b[1m\xff", &a), 0);
	ck_assert_str_eq(profile_string(profile, a), "x?[1m?");
	ck_assert_int_eq(profile_add_string_n(profile, "caf\xc3\xa9s", 5, &b), 0);
	ck_assert_str_eq(profile_string(profile, b), "caf\xc3\xa9");
	ck_assert_int_eq(profile_add_string_n(profile, "caf\xc3\xa9s", 4, &b), 0);
	ck_assert_str_eq(profile_string(profile, b), "caf?");
}
END_TEST

START_TEST(record_0_of_each_table_is_none)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();

	ck_assert_uint_eq(profile->n_frames, 1);
	ck_assert_uint_eq(profile->n_stacks, 1);
	ck_assert_uint_eq(profile->n_threads, 1);
	ck_assert_uint_eq(profile->n_processes, 1);
	ck_assert_uint_eq(profile->n_mappings, 1);
	ck_assert_uint_eq(profile->n_functions, 1);
	ck_assert_uint_eq(profile->stacks[0].depth, 0);
	ck_assert_str_eq(profile_function_name(profile, 0), "[unknown]");
	ck_assert_str_eq(profile_comm(profile, 0), "[unknown]");
}
END_TEST

START_TEST(equal_records_are_one_and_others_are_not)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t a = fixture_frame(profile, "f@/bin/x"), b = fixture_frame(profile, "f@/bin/x");
	uint32_t stack, same, other;

	ck_assert_uint_eq(a, b);
	ck_assert_uint_ne(a, fixture_frame(profile, "f@/bin/y"));
	ck_assert_uint_ne(a, fixture_frame(profile, "j:f@/bin/x"));
	ck_assert_uint_ne(a, fixture_frame(profile, "?:f@/bin/x"));
	ck_assert_uint_ne(a, fixture_frame(profile, "f<g@/bin/x"));
	ck_assert_int_eq(profile_add_stack(profile, 0, a, &stack), 0);
	ck_assert_int_eq(profile_add_stack(profile, 0, a, &same), 0);
	ck_assert_int_eq(profile_add_stack(profile, stack, a, &other), 0);
	ck_assert_uint_eq(stack, same);
	ck_assert_uint_ne(stack, other);
	ck_assert_uint_eq(profile->stacks[other].depth, 2);
}
END_TEST

START_TEST(a_frame_that_waited_is_found_by_its_name_and_no_longer_without)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	const struct profile_frame frame = {.address = 0x1234};
	struct profile_function function = {};
	struct profile_line line = {.line = 7};
	uint32_t waiting, again, named;

	ck_assert_int_eq(profile_add_frame(profile, &frame, NULL, 0, &waiting), 0);
	ck_assert_int_eq(profile_add_frame(profile, &frame, NULL, 0, &again), 0);
	ck_assert_uint_eq(waiting, again);
	ck_assert_int_eq(profile_add_string(profile, "late", &function.name), 0);
	ck_assert_int_eq(profile_add_function(profile, &function, &line.function), 0);
	ck_assert_int_eq(profile_name_frame(profile, waiting, &line, 1, 0), 0);
	ck_assert_uint_eq(profile->frames[waiting].n_lines, 1);
	ck_assert_uint_eq(profile->lines[profile->frames[waiting].first_line].line, 7);
	ck_assert_int_eq(profile_add_frame(profile, &frame, &line, 1, &named), 0);
	ck_assert_uint_eq(named, waiting);
	ck_assert_int_eq(profile_add_frame(profile, &frame, NULL, 0, &again), 0);
	ck_assert_uint_ne(again, waiting);
}
END_TEST

START_TEST(samples_with_equal_keys_add_up)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	fixture_add(profile, thread, "main;f", NULL, 2);
	fixture_add(profile, thread, "main;f", NULL, 3);
	fixture_add(profile, thread, "main;f", "fp-end", 5);
	fixture_add(profile, thread, "main", NULL, 7);
	ck_assert_uint_eq(profile->n_samples, 3);
	ck_assert_int_eq(profile_value(profile, 0, 0), 5);
	ck_assert_int_eq(profile_value(profile, 0, 1), 50000000);
	ck_assert_int_eq(profile_value(profile, 1, 0), 5);
	ck_assert_int_eq(profile_value(profile, 2, 0), 7);
}
END_TEST

START_TEST(what_was_appended_is_found_again)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	struct profile_sample sample = {.thread = fixture_thread(profile, "a", 1, 1)};
	uint32_t frame = fixture_frame(profile, "main"), first, second, again;
	const int64_t values[] = {1, 10};

	ck_assert_int_eq(profile_append_stack(profile, 0, frame, &first), 0);
	ck_assert_int_eq(profile_append_stack(profile, first, frame, &second), 0);
	ck_assert_int_eq(profile_add_stack(profile, first, frame, &again), 0);
	ck_assert_uint_eq(again, second);
	ck_assert_int_eq(profile_append_stack(profile, second, frame, &first), 0);
	ck_assert_int_eq(profile_add_stack(profile, second, frame, &again), 0);
	ck_assert_uint_eq(again, first);
	sample.stack = again;
	ck_assert_int_eq(profile_append_sample(profile, &sample, values), 0);
	ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
	ck_assert_uint_eq(profile->n_samples, 1);
	ck_assert_int_eq(profile_value(profile, 0, 1), 20);
}
END_TEST

START_TEST(a_complete_stack_has_no_stop)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	struct profile_sample sample = {.stop_class = PROFILE_STOP_COMPLETE};
	const int64_t values[] = {1, 1};

	ck_assert_int_eq(profile_add_string(profile, "end", &sample.stop), 0);
	ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
	ck_assert_uint_eq(profile->samples[0].stop, 0);
}
END_TEST

START_TEST(sums_stop_at_the_ends_of_their_range)
{
	ck_assert_int_eq(profile_value_add(INT64_MAX, 1), INT64_MAX);
	ck_assert_int_eq(profile_value_add(INT64_MIN, -1), INT64_MIN);
	ck_assert_int_eq(profile_value_add(INT64_MIN, INT64_MAX), -1);
}
END_TEST

START_TEST(value_types_are_fixed_with_the_first_sample)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();

	ck_assert_int_eq(profile_find_value_type(profile, "cpu"), 1);
	ck_assert_int_eq(profile_find_value_type(profile, "wall"), -1);
	for (size_t i = 2; i < PROFILE_VALUES_MAX; i++)
		ck_assert_int_eq(profile_add_value_type(profile, "more", "count"), 0);
	ck_assert_int_eq(profile_add_value_type(profile, "more", "count"), -E2BIG);
	ck_assert_int_eq(profile_add_sample(profile, &(struct profile_sample){},
				 (const int64_t[PROFILE_VALUES_MAX]){1}),
		0);
	ck_assert_int_eq(profile_add_value_type(profile, "late", "count"), -EINVAL);
}
END_TEST

START_TEST(the_ledger_adds_up)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_hostile();
	const struct profile_ledger *ledger = &profile->ledger;
	uint64_t sum = 0;

	for (size_t i = 0; i < profile->n_samples; i++)
		sum += (uint64_t)profile_value(profile, i, 0);
	ck_assert_uint_eq(ledger->kept, sum);
	ck_assert_uint_eq(ledger->kept,
		ledger->complete + profile_n_truncated(profile) + profile_n_no_user_stack(profile));
	ck_assert_uint_eq(ledger->taken, ledger->kept + 8 + 3);
	ck_assert_uint_gt(ledger->n_truncated, 1);
	ck_assert_uint_gt(ledger->n_no_user_stack, 1);
}
END_TEST

START_TEST(counting_again_gives_the_same)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_hostile();
	struct profile_ledger before = profile->ledger;

	ck_assert_int_eq(profile_count_samples(profile), 0);
	ck_assert_mem_eq(&profile->ledger, &before, sizeof(before));
}
END_TEST

START_TEST(unnamed_frames_count_once_and_samples_that_hold_one_count_whole)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	/* Twice the same frame in one stack, two frames, a stack without, and one nobody reached. */
	fixture_add(profile, thread, "main;?:[x+0x1];f;?:[x+0x1]", NULL, 4);
	fixture_add(profile, thread, "main;?:[x+0x1];?:[x+0x2]", NULL, 5);
	fixture_add(profile, thread, "main;f", NULL, 6);
	fixture_add(profile, thread, "main;?:[x+0x3]", NULL, 0);
	fixture_frame(profile, "?:[x+0x4]");
	fixture_seal(profile);
	ck_assert_uint_eq(profile->ledger.n_unnamed, 1);
	ck_assert_str_eq(profile_string(profile, profile->ledger.unnamed[0].reason), "no-symbols");
	ck_assert_uint_eq(profile->ledger.unnamed[0].n_frames, 2);
	ck_assert_uint_eq(profile->ledger.unnamed[0].n_samples, 9);
}
END_TEST

START_TEST(reasons_beyond_the_last_place_are_added_to_it)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	for (int i = 0; i < PROFILE_REASONS_MAX + 10; i++) {
		char reason[32];

		snprintf(reason, sizeof(reason), "reason %d", i);
		ck_assert_int_eq(profile_count_lost(profile, reason, 1), 0);
		fixture_add(profile, thread, "main", reason, 1);
	}
	fixture_seal(profile);
	ck_assert_uint_eq(profile->ledger.n_lost, PROFILE_REASONS_MAX);
	ck_assert_uint_eq(profile_n_lost(profile), PROFILE_REASONS_MAX + 10);
	ck_assert_uint_eq(profile_n_truncated(profile), PROFILE_REASONS_MAX + 10);
	ck_assert_uint_eq(profile->ledger.truncated[0].n, 11);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		equal_texts_have_one_id_and_the_empty_one_is_0,
		ten_thousand_texts_are_told_apart,
		strings_of_a_profile_are_printable,
		record_0_of_each_table_is_none,
		equal_records_are_one_and_others_are_not,
		a_frame_that_waited_is_found_by_its_name_and_no_longer_without,
		samples_with_equal_keys_add_up,
		what_was_appended_is_found_again,
		a_complete_stack_has_no_stop,
		sums_stop_at_the_ends_of_their_range,
		value_types_are_fixed_with_the_first_sample,
		the_ledger_adds_up,
		counting_again_gives_the_same,
		unnamed_frames_count_once_and_samples_that_hold_one_count_whole,
		reasons_beyond_the_last_place_are_added_to_it,
	};

	return check_main("profile", tests, ARRAY_SIZE(tests));
}
