/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Folded stacks, written and read, to the letter. */

#include "proto/profile/folded.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"
#include "tests/unit/proto/profile/fixture.h"

static void assert_folded(
	const struct profile *profile, const struct folded_options *options, const char *expected)
{
	CLEANUP(buffer_done) struct buffer out = {};

	ck_assert_int_eq(folded_encode(profile, options, &out), 0);
	ck_assert_str_eq(out.data ? out.data : "", expected);
}

static struct profile *decode(const char *text)
{
	struct profile *profile = NULL;
	struct profile_error error = {};

	ck_assert_msg(!folded_decode(text, strlen(text), &profile, &error), "%s", error.text);
	return profile;
}

START_TEST(lines_are_sorted_and_equal_ones_are_one)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t b = fixture_thread(profile, "b", 1, 1), b2 = fixture_thread(profile, "b", 2, 2);
	uint32_t a = fixture_thread(profile, "a", 3, 3);

	fixture_add(profile, b, "main;z;y", NULL, 1);
	fixture_add(profile, b2, "main;z;y", NULL, 2);
	fixture_add(profile, b, "main", NULL, 3);
	fixture_add(profile, b, "main;c@/bin/x", NULL, 4);
	fixture_add(profile, b, "main;c@/bin/y", NULL, 5);
	fixture_add(profile, a, "main;in<out", NULL, 6);
	fixture_add(profile, a, "k:sys", "fp-end", 7);
	fixture_add(profile, a, "", NULL, 8);
	fixture_add(profile, a, "none", NULL, 0);
	assert_folded(profile, NULL,
		"a 8\n"
		"a;[truncated:fp-end];sys 7\n"
		"a;main;out;in 6\n"
		"b;main 3\n"
		"b;main;c 9\n"
		"b;main;z;y 3\n");
}
END_TEST

START_TEST(names_are_made_fit_for_a_line)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t thread = fixture_thread(profile, "my;comm 1\n", 1, 1);
	struct profile_function function = {};
	struct profile_frame frame = {};
	struct profile_line line = {};
	struct profile_sample sample = {.thread = thread};
	const int64_t values[] = {2, 2};
	uint32_t id;

	ck_assert_int_eq(profile_add_string(profile, "f<a; b>(int)\xff 7", &function.name), 0);
	ck_assert_int_eq(profile_add_function(profile, &function, &line.function), 0);
	ck_assert_int_eq(profile_add_frame(profile, &frame, &line, 1, &id), 0);
	ck_assert_int_eq(profile_add_stack(profile, 0, id, &sample.stack), 0);
	ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
	assert_folded(profile, NULL, "my:comm 1?;f<a: b>(int)? 7 2\n");
}
END_TEST

START_TEST(marks_are_written_only_when_asked_for)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t thread = fixture_thread(profile, "a", 1, 1);

	fixture_add(profile, thread, "main;in<out;j:jitted;k:sys", NULL, 1);
	fixture_add(profile, thread, "main;j:sys", NULL, 2);
	fixture_add(profile, thread, "main;k:sys", NULL, 3);
	assert_folded(profile, NULL, "a;main;out;in;jitted;sys 1\na;main;sys 5\n");
	assert_folded(profile, &(struct folded_options){.annotate = true},
		"a;main;out;in_[i];jitted_[j];sys_[k] 1\na;main;sys_[j] 2\na;main;sys_[k] 3\n");
}
END_TEST

START_TEST(milliseconds_add_up_to_the_whole)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t thread = fixture_thread(profile, "a", 1, 1);
	CLEANUP(buffer_done) struct buffer out = {};
	const struct folded_options options = {.weight = FOLDED_MS};
	int64_t sum = 0;

	/* 300 lines of 0.333 ms each. */
	for (int i = 0; i < 300; i++) {
		struct profile_sample sample = {.thread = thread};
		const int64_t values[] = {1, 333333};
		char name[16];

		snprintf(name, sizeof(name), "f%03d", i);
		ck_assert_int_eq(
			profile_add_stack(profile, 0, fixture_frame(profile, name), &sample.stack),
			0);
		ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
	}
	ck_assert_int_eq(folded_encode(profile, &options, &out), 0);
	for (char *line = strtok(out.data, "\n"); line; line = strtok(NULL, "\n"))
		sum += atoll(strrchr(line, ' ') + 1);
	ck_assert_int_eq(sum, 100);
}
END_TEST

START_TEST(milliseconds_are_whole_where_the_samples_are)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();

	fixture_add(profile, fixture_thread(profile, "a", 1, 1), "main", NULL, 3);
	assert_folded(profile, &(struct folded_options){.weight = FOLDED_MS}, "a;main 30\n");
}
END_TEST

START_TEST(text_above_a_limit_is_given_up)
{
	struct profile *profile = fixture_random(3, 2000);
	CLEANUP(buffer_done) struct buffer whole = {}, cut = {};
	struct folded_options options = {};

	ck_assert_int_eq(folded_encode(profile, NULL, &whole), 0);
	options.bytes_max = whole.size / 2;
	ck_assert_int_eq(folded_encode(profile, &options, &cut), -E2BIG);
	ck_assert_uint_le(cut.size, whole.size / 2 + 64);
	options.bytes_max = whole.size;
	buffer_clear(&cut);
	ck_assert_int_eq(folded_encode(profile, &options, &cut), 0);
	profile_unref(profile);
}
END_TEST

START_TEST(what_was_written_reads_back_to_the_same_text)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_hostile(), *back = NULL;
	CLEANUP(buffer_done) struct buffer out = {};

	for (int annotate = 0; annotate < 2; annotate++) {
		const struct folded_options options = {.annotate = annotate};

		buffer_clear(&out);
		ck_assert_int_eq(folded_encode(profile, &options, &out), 0);
		back = profile_unref(back);
		back = decode(out.data);
		assert_folded(back, &options, out.data);
		ck_assert_uint_eq(back->ledger.kept, profile->ledger.kept);
		ck_assert_uint_eq(profile_n_truncated(back), profile_n_truncated(profile));
	}
}
END_TEST

START_TEST(reading_understands_marks_and_the_truncated_word)
{
	CLEANUP(profile_unrefp)
	struct profile *profile = decode("a b;[truncated:depth];main;f;g_[i];h_[i];sys_[k] 12\n");
	const struct profile_sample *sample = &profile->samples[0];
	const struct profile_frame *frame;

	ck_assert_str_eq(profile_comm(profile, sample->thread), "a b");
	ck_assert_int_eq(sample->stop_class, PROFILE_STOP_TRUNCATED);
	ck_assert_str_eq(profile_string(profile, sample->stop), "depth");
	ck_assert_uint_eq(profile->stacks[sample->stack].depth, 3);
	frame = &profile->frames[profile->stacks[sample->stack].frame];
	ck_assert_int_eq(frame->kind, PROFILE_FRAME_KERNEL);
	frame = &profile->frames[profile->stacks[profile->stacks[sample->stack].parent].frame];
	ck_assert_uint_eq(frame->n_lines, 3);
	ck_assert_str_eq(
		profile_function_name(profile, profile->lines[frame->first_line].function), "h");
	ck_assert_int_eq(profile_value(profile, 0, 0), 12);
	ck_assert_uint_eq(profile->ledger.kept, 12);
	ck_assert_uint_eq(profile->ledger.taken, 12);
}
END_TEST

START_TEST(files_of_other_tools_are_read)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"java;Main.run 5\r\njava;Main.run 2\r\n", "java;Main.run 7\n"},
		{"a;b 1.4\na;c 2.6\n", "a;b 1\na;c 3\n"},
		{"# a comment\n\n  \na;b 3", "a;b 3\n"},
		{"a;std::vector<int, x> foo 3\n", "a;std::vector<int, x> foo 3\n"},
		{"only 4\n", "only 4\n"},
		{"a;;b 2\n", "a;[unknown];b 2\n"},
		{"a;b\t6\n", "a;b 6\n"},
		{"a;b 0\na;c 1\n", "a;c 1\n"},
		{";x 2\n", "[unknown];x 2\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(profile_unrefp) struct profile *profile = decode(cases[i].in);

		assert_folded(profile, NULL, cases[i].out);
	}
}
END_TEST

START_TEST(what_is_no_folded_file_is_refused_with_the_cause)
{
	static const struct {
		const char *in, *cause;
	} cases[] = {
		{"a;b 1\na;b\n", "line 2 does not end in a number"},
		{"a;b -3\n", "line 1 does not end in a number"},
		{"a;b 0x10\n", "line 1 does not end in a number"},
		{"a;b 1e3\n", "line 1 does not end in a number"},
		{"a;b 99999999999999999999\n", "too large"},
		{"\n\n", "holds no stacks"},
		{"a 0\n", "holds no stacks"},
		{"12\n", "line 1 does not end in a number"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct profile *profile = NULL;
		struct profile_error error = {};

		ck_assert_int_eq(folded_decode(cases[i].in, strlen(cases[i].in), &profile, &error),
			PROFILE_MALFORMED);
		ck_assert_ptr_null(profile);
		ck_assert_msg(strstr(error.text, cases[i].cause), "%s", error.text);
	}
}
END_TEST

START_TEST(a_line_with_too_many_names_is_refused)
{
	CLEANUP(buffer_done) struct buffer text = {};
	struct profile *profile = NULL;
	struct profile_error error = {};

	for (int i = 0; i < FOLDED_DEPTH_MAX + 2; i++)
		buffer_append_text(&text, "f;");
	buffer_append_text(&text, "f 1\n");
	ck_assert_int_eq(folded_decode(text.data, text.size, &profile, &error), PROFILE_MALFORMED);
	ck_assert_msg(strstr(error.text, "names"), "%s", error.text);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		lines_are_sorted_and_equal_ones_are_one,
		names_are_made_fit_for_a_line,
		marks_are_written_only_when_asked_for,
		milliseconds_add_up_to_the_whole,
		milliseconds_are_whole_where_the_samples_are,
		text_above_a_limit_is_given_up,
		what_was_written_reads_back_to_the_same_text,
		reading_understands_marks_and_the_truncated_word,
		files_of_other_tools_are_read,
		what_is_no_folded_file_is_refused_with_the_cause,
		a_line_with_too_many_names_is_refused,
	};

	return check_main("folded", tests, ARRAY_SIZE(tests));
}
