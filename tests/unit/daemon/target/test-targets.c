/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The processes of a recording, and the CPU time that the scheduler gave them. */

#include "daemon/target/targets.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"

START_TEST(time_before_the_recording_does_not_count)
{
	CLEANUP(targets_done) struct targets targets = {};

	ck_assert_int_eq(targets_add(&targets, 1u << 30, 500), 0);
	targets_remove(&targets, 1u << 30, 800);
	ck_assert_uint_eq(targets_scheduler_ns(&targets), 300);
	ck_assert_uint_eq(targets.n, 0);
}
END_TEST

START_TEST(process_is_added_once)
{
	CLEANUP(targets_done) struct targets targets = {};

	ck_assert_int_eq(targets_add(&targets, 5, 0), 0);
	ck_assert_int_eq(targets_add(&targets, 5, 0), 0);
	ck_assert_uint_eq(targets.n, 1);
	ck_assert(targets_has(&targets, 5));
	ck_assert(!targets_has(&targets, 6));
	targets_remove(&targets, 6, 1000);
	ck_assert_uint_eq(targets.n, 1);
}
END_TEST

START_TEST(living_process_is_read_from_proc)
{
	CLEANUP(targets_done) struct targets targets = {};
	uint64_t used_ns, end_ns = time_now_ns(CLOCK_PROCESS_CPUTIME_ID) + 100 * NS_PER_MS;

	ck_assert_int_eq(process_cpu_time((uint32_t)getpid(), &used_ns), 0);
	ck_assert_int_eq(targets_add(&targets, (uint32_t)getpid(), used_ns), 0);
	while (time_now_ns(CLOCK_PROCESS_CPUTIME_ID) < end_ns)
		;
	/* /proc counts in ticks of 10 ms. */
	ck_assert_uint_ge(targets_scheduler_ns(&targets), 70 * NS_PER_MS);
	ck_assert_uint_le(targets_scheduler_ns(&targets), 200 * NS_PER_MS);
}
END_TEST

START_TEST(process_that_is_not_there_is_esrch)
{
	uint64_t used_ns;

	ck_assert_int_eq(process_cpu_time(1u << 30, &used_ns), -ESRCH);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		time_before_the_recording_does_not_count,
		process_is_added_once,
		living_process_is_read_from_proc,
		process_that_is_not_there_is_esrch,
	};

	return check_main("target/targets", tests, ARRAY_SIZE(tests));
}
