/* SPDX-License-Identifier: GPL-2.0-or-later */

/* perf script's text, and telling formats by content. */

#include "proto/profile/perf-script.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/folded.h"
#include "proto/profile/pprof.h"
#include "proto/profile/source.h"
#include "tests/lib/check-main.h"
#include "tests/unit/proto/profile/fixture.h"

static const char chain[] = "# captured on: today\n"
			    "my prog  4242/4243 [001] 12.345678:   10101010 cpu-clock:pppH: \n"
			    "\tffffffff81000000 do_syscall_64+0x5 ([kernel.kallsyms])\n"
			    "\t    55d0c0de1000 in<a, b>(int, char)+0x1 (inlined)\n"
			    "\t    55d0c0de1000 outer(int (*)(char))+0x10 (/bin/x (y) (deleted))\n"
			    "\t    7f0000001000 [unknown] (/lib/libc.so.6)\n"
			    "\n"
			    "12.5: 7 9 [000] 12.545678:   10101010 cpu-clock:pppH: \n"
			    "\t          401000 main+0x4 (/bin/x)\n"
			    "\n";

static struct profile *decode(const char *text)
{
	struct profile *profile = NULL;
	struct profile_error error = {};

	ck_assert_msg(!perf_script_decode(text, strlen(text), &profile, &error), "%s", error.text);
	return profile;
}

START_TEST(chains_are_read_with_all_that_stands_there)
{
	CLEANUP(profile_unrefp) struct profile *profile = decode(chain);
	CLEANUP(buffer_done) struct buffer out = {};
	const struct profile_thread *thread = &profile->threads[profile->samples[0].thread];
	const struct profile_frame *root;

	ck_assert_int_eq(
		folded_encode(profile, &(struct folded_options){.annotate = true}, &out), 0);
	ck_assert_str_eq(out.data,
		"12.5: 7;main 1\n"
		"my prog;[unknown];outer(int (*)(char));in<a, b>(int, char)_[i];do_syscall_64_[k] "
		"1\n");
	ck_assert_uint_eq(thread->tid, 4243);
	ck_assert_uint_eq(profile->processes[thread->process].pid, 4242);
	ck_assert_int_eq(profile_value(profile, 0, 1), 10101010);
	ck_assert_uint_eq(profile->samples[1].slice, 2);
	ck_assert_uint_eq(profile->conditions.duration_ns, 200000000);
	ck_assert_uint_eq(profile->ledger.n_unnamed, 1);
	root = &profile->frames[profile->stacks[1].frame];
	ck_assert_str_eq(
		profile_string(profile, profile->mappings[root->mapping].path), "/lib/libc.so.6");
	ck_assert_str_eq(profile_string(profile, profile->conditions.event), "cpu-clock:pppH");
}
END_TEST

START_TEST(samples_without_a_chain_have_their_frame_in_the_heading)
{
	CLEANUP(profile_unrefp)
	struct profile *profile = decode(
		"              sh 22816  3696.4290:    5025125 cycles:  401000 main+0x1f (/bin/sh)\n"
		"              sh 22816  3696.4291:    5025125 cycles:  401000 main+0x2f (/bin/sh)\n"
		"              sh 22816  3696.4292:    5025125 cycles: \n");
	CLEANUP(buffer_done) struct buffer out = {};

	ck_assert_int_eq(folded_encode(profile, NULL, &out), 0);
	ck_assert_str_eq(out.data, "sh 1\nsh;main 2\n");
	/* Cycles are no time. */
	ck_assert_uint_eq(profile->n_value_types, 1);
}
END_TEST

START_TEST(what_is_no_perf_script_is_refused_with_the_line)
{
	static const struct {
		const char *text, *cause;
	} cases[] = {
		{"hello\n", "line 1"},
		{"a 1 [000] 1.5: 1 x:\n\t1 a (/x)\n\nwhat\n", "line 4"},
		{"\t1 a (/x)\n", "line 1"},
		{"# only a comment\n", "no samples"},
		{"", "no samples"},
		{"a 99999999999 [000] 1.5: 1 x:\n", "line 1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct profile *profile = NULL;
		struct profile_error error = {};

		ck_assert_int_eq(
			perf_script_decode(cases[i].text, strlen(cases[i].text), &profile, &error),
			PROFILE_MALFORMED);
		ck_assert_msg(strstr(error.text, cases[i].cause), "%s", error.text);
	}
}
END_TEST

START_TEST(formats_are_told_by_content)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_hostile();
	CLEANUP(buffer_done) struct buffer pprof = {}, folded = {};

	ck_assert_int_eq(pprof_encode(profile, &pprof), 0);
	ck_assert_int_eq(folded_encode(profile, NULL, &folded), 0);
	ck_assert_int_eq(source_sniff(pprof.data, pprof.size), SOURCE_PPROF);
	ck_assert_int_eq(source_sniff(folded.data, folded.size), SOURCE_FOLDED);
	ck_assert_int_eq(source_sniff(chain, strlen(chain)), SOURCE_PERF_SCRIPT);
	ck_assert_int_eq(source_sniff("hello", 5), SOURCE_UNKNOWN);
	ck_assert_int_eq(source_sniff("", 0), SOURCE_UNKNOWN);
}
END_TEST

START_TEST(what_is_no_profile_is_refused_with_the_cause)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *cause;
	} cases[] = {
		{"", 0, "is empty"},
		{"PERFILE2xxxx", 12, "perf script"},
		{"\x7f\x45LF\0\0\0", 7, "no pprof"},
		{"just text\n", 10, "unknown"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct profile *profile = NULL;
		struct profile_error error = {};

		ck_assert_int_eq(source_decode(cases[i].bytes, cases[i].n, &profile, &error),
			PROFILE_MALFORMED);
		ck_assert_msg(strstr(error.text, cases[i].cause), "%s", error.text);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		chains_are_read_with_all_that_stands_there,
		samples_without_a_chain_have_their_frame_in_the_heading,
		what_is_no_perf_script_is_refused_with_the_line,
		formats_are_told_by_content,
		what_is_no_profile_is_refused_with_the_cause,
	};

	return check_main("perf-script", tests, ARRAY_SIZE(tests));
}
