// SPDX-License-Identifier: GPL-2.0-or-later
/* What /proc says, about ourselves. */

#include "cli/process.h"

#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

START_TEST(a_process_may_be_called_anything)
{
	struct process process;

	prctl(PR_SET_NAME, "a) R (b\x1b[1m");
	ck_assert_int_eq(process_read((uint32_t)getpid(), &process), 0);
	ck_assert_str_eq(process.comm, "a) R (b?[1m");
	ck_assert_uint_eq(process.uid, getuid());
}
END_TEST

START_TEST(a_process_that_is_not_there_is_gone)
{
	struct process process;

	ck_assert_int_eq(process_read(0x7ffffff0, &process), PROCESS_GONE);
}
END_TEST

START_TEST(all_processes_hold_ourselves)
{
	CLEANUP(freep) struct process *processes = NULL;
	size_t n, found = 0;

	ck_assert_int_eq(process_read_all(&processes, &n), 0);
	for (size_t i = 0; i < n; i++)
		found += processes[i].pid == (uint32_t)getpid();
	ck_assert_uint_eq(found, 1);
}
END_TEST

START_TEST(cpu_time_grows)
{
	struct process before, after;
	volatile unsigned long sum = 0;

	ck_assert_int_eq(process_read((uint32_t)getpid(), &before), 0);
	do {
		for (unsigned long i = 0; i < 1000000; i++)
			sum += i;
		ck_assert_int_eq(process_read((uint32_t)getpid(), &after), 0);
	} while (after.cpu_ns < before.cpu_ns + 20000000);
	ck_assert_uint_gt(after.cpu_ns, before.cpu_ns);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_process_may_be_called_anything,
		a_process_that_is_not_there_is_gone,
		all_processes_hold_ourselves,
		cpu_time_grows,
	};

	return check_main("cli/process", tests, ARRAY_SIZE(tests));
}
