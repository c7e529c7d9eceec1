// SPDX-License-Identifier: GPL-2.0-or-later
/* SOURCE is told by its content; what is no profile is refused with a reason. */

#include "cli/source.h"
#include "cli/store-source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/output.h"
#include "proto/base/cleanup.h"
#include "proto/profile/pprof.h"
#include "tests/lib/check-main.h"

static char path[] = "/tmp/test-source-XXXXXX";

static void write_text(const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(folded_stacks_are_read)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;

	write_text("a;b;c 3\na;d 4\n");
	ck_assert_int_eq(source_load(path, &profile), 0);
	ck_assert_uint_eq(profile->ledger.kept, 7);
}
END_TEST

START_TEST(pprof_is_read_whatever_it_is_called)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL, *again = NULL;
	CLEANUP(buffer_done) struct buffer bytes = {0};

	write_text("a;b;c 3\n");
	ck_assert_int_eq(source_load(path, &profile), 0);
	ck_assert_int_eq(pprof_encode(profile, &bytes), 0);
	ck_assert_int_eq(output_write_file(path, bytes.data, bytes.size), 0);
	ck_assert_int_eq(source_load(path, &again), 0);
	ck_assert_uint_eq(again->ledger.kept, 3);
}
END_TEST

START_TEST(standard_input_is_a_dash)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	int fd;

	write_text("a;b 5\n");
	fd = open(path, O_RDONLY);
	dup2(fd, STDIN_FILENO);
	close(fd);
	ck_assert_int_eq(source_load("-", &profile), 0);
	ck_assert_uint_eq(profile->ledger.kept, 5);
}
END_TEST

START_TEST(what_is_no_profile_is_refused)
{
	static const char *const texts[] = {"", "\n\n", "hello world\n", "\x1f\x8b garbage"};
	struct profile *profile = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_text(texts[i]);
		ck_assert_int_eq(source_load(path, &profile), -EINVAL);
		ck_assert_ptr_null(profile);
	}
}
END_TEST

START_TEST(files_that_cannot_be_read_are_named_errors)
{
	struct profile *profile = NULL;

	ck_assert_int_eq(source_load("/nonexistent/profile", &profile), -ENOENT);
	ck_assert_int_eq(source_load("/tmp", &profile), -EISDIR);
	ck_assert_int_eq(source_load("@base", &profile), -ENOENT);
	ck_assert_int_eq(setenv("PERFCTL_SOCKET", "/nonexistent/socket", 1), 0);
	ck_assert_int_eq(source_load("store:1h", &profile), -EREMOTEIO);
	ck_assert_int_eq(source_load("store:never", &profile), -EINVAL);
	ck_assert_int_eq(source_load("store:1h..never", &profile), -EINVAL);
	ck_assert_int_eq(source_load("store:1h,colour=red", &profile), -EINVAL);
	ck_assert_int_eq(source_load("store:1h,pid=x", &profile), -EINVAL);
}
END_TEST

START_TEST(moments_are_told_in_many_ways)
{
	/* 2026-11-21T14:30:00Z */
	const uint64_t now_ms = UINT64_C(1795271400) * 1000;
	static const struct {
		const char *text;
		int64_t seconds; /* from now on; INT64_MAX: it is none */
	} cases[] = {
		{"now", 0},
		{"1h", -3600},
		{"90", -90},
		{"-1h", -3600},
		{"2h ago", -7200},
		{"1h30m ago", -5400},
		{"2d", -2 * 24 * 3600},
		{"today", -14 * 3600 - 30 * 60},
		{"today 14:05", -25 * 60},
		{"yesterday", -38 * 3600 - 30 * 60},
		{"yesterday 14:05", -24 * 3600 - 25 * 60},
		{"2026-11-21T13:30Z", -3600},
		{"2026-11-21T13:30:00Z", -3600},
		{"14:05", -25 * 60},
		{"14:05:30", -24 * 60 - 30},
		{"14:40", 10 * 60 - 24 * 3600},
		{"2026-11-21T14:05", -25 * 60},
		{"2026-11-21 14:05:30", -24 * 60 - 30},
		{"2026-11-21", -14 * 3600 - 30 * 60},
		{"2026-11-21T15:30", 3600},
		{"", INT64_MAX},
		{"25:00", INT64_MAX},
		{"14:05x", INT64_MAX},
		{"yesterdays", INT64_MAX},
		{"yesterday at noon", INT64_MAX},
		{"2026-11-21Z", INT64_MAX},
		{"2026-11-21T13:30ZZ", INT64_MAX},
		{"--1h", INT64_MAX},
		{"ago", INT64_MAX},
		{"1h ago ago", INT64_MAX},
		{"99999999999h", INT64_MAX},
	};

	ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
	tzset();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ms;
		int r = store_time_parse(cases[i].text, now_ms, &ms);

		ck_assert_msg((r == 0) == (cases[i].seconds != INT64_MAX), "'%s'", cases[i].text);
		if (!r)
			ck_assert_msg((int64_t)(ms - now_ms) == cases[i].seconds * 1000, "'%s'",
				cases[i].text);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		folded_stacks_are_read,
		pprof_is_read_whatever_it_is_called,
		standard_input_is_a_dash,
		what_is_no_profile_is_refused,
		files_that_cannot_be_read_are_named_errors,
		moments_are_told_in_many_ways,
	};
	int fd = mkstemp(path), r;

	if (fd < 0)
		return EXIT_FAILURE;
	close(fd);
	r = check_main("cli/source", tests, ARRAY_SIZE(tests));
	unlink(path);
	return r;
}
