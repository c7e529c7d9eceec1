/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A process's program, which it may have changed since it was sampled: this test itself is looked at. */

#include "daemon/target/labels.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"

static struct labels *labels;
static struct abi_identity who;
static char program[PATH_MAX];

static void setup(void)
{
	CLEANUP(freep) char *text = NULL;
	uint64_t ticks;

	ck_assert_int_eq(prctl(PR_SET_NAME, "a (b) c"), 0);
	ck_assert_int_eq(text_read_file(AT_FDCWD, "/proc/self/stat", 4096, &text, NULL), 0);
	ck_assert_int_eq(sscanf(strrchr(text, ')') + 1,
				 " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
				 "%*d %*d %*d %" SCNu64,
				 &ticks),
		1);
	who = (struct abi_identity){
		.pid = (uint32_t)getpid(),
		.start_ns = ticks * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK)) + 1,
		.comm = "a (b) c",
	};
	ck_assert_int_gt(readlink("/proc/self/exe", program, sizeof(program) - 1), 0);
	ck_assert_int_eq(labels_new(&labels), 0);
}

static const char *exe_of(const struct abi_identity *identity)
{
	struct label_texts texts;

	labels_find(labels, identity, &texts);
	return texts.exe;
}

START_TEST(process_has_its_program)
{
	setup();
	ck_assert_str_eq(exe_of(&who), program);
	labels_free(labels);
}
END_TEST

START_TEST(process_that_is_called_otherwise_by_now_has_none)
{
	setup();
	ck_assert_int_eq(prctl(PR_SET_NAME, "a (b) d"), 0);
	ck_assert_str_eq(exe_of(&who), "");
	strcpy(who.comm, "a (b) d");
	ck_assert_str_eq(exe_of(&who), program);
	labels_free(labels);
}
END_TEST

START_TEST(another_process_with_the_pid_is_not_it)
{
	setup();
	who.start_ns -= NS_PER_SECOND;
	ck_assert_str_eq(exe_of(&who), "");
	labels_free(labels);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		process_has_its_program,
		process_that_is_called_otherwise_by_now_has_none,
		another_process_with_the_pid_is_not_it,
	};

	return check_main("labels", tests, ARRAY_SIZE(tests));
}
