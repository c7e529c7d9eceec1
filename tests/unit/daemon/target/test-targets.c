/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What of a recording's targets is there, by the events of the kernel side. */

#include "daemon/target/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/capture/sample.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

START_TEST(process_is_added_once)
{
	CLEANUP(targets_done) struct targets targets = {};

	ck_assert_int_eq(targets_add(&targets, 5), 0);
	ck_assert_int_eq(targets_add(&targets, 5), 0);
	ck_assert_uint_eq(targets.n, 1);
	ck_assert(targets_has(&targets, 5));
	ck_assert(!targets_has(&targets, 6));
	targets_remove(&targets, 6);
	ck_assert_uint_eq(targets.n, 1);
}
END_TEST

START_TEST(children_keep_a_recording_when_they_are_followed)
{
	const struct abi_event fork = {.kind = ABI_EVENT_FORK, .pid = 6, .parent = 5},
			       first = {.kind = ABI_EVENT_EXIT, .pid = 5},
			       last = {.kind = ABI_EVENT_EXIT, .pid = 6};

	for (int with_children = 0; with_children < 2; with_children++) {
		CLEANUP(targets_done) struct targets targets = {.with_children = with_children};

		ck_assert_int_eq(targets_add(&targets, 5), 0);
		ck_assert(!targets_on_event(&targets, &fork));
		ck_assert_int_eq(targets_on_event(&targets, &first), !with_children);
		ck_assert_int_eq(targets_on_event(&targets, &last), with_children);
	}
}
END_TEST

START_TEST(threads_count_where_the_event_is_for_the_recording)
{
	CLEANUP(targets_done) struct targets targets = {.slot = 3, .n_threads = 1};
	struct abi_event event = {.kind = ABI_EVENT_THREAD_EXIT, .aimed.recordings = 1 << 2};

	ck_assert(!targets_on_event(&targets, &event));
	event.aimed.recordings = 1 << 3;
	ck_assert(targets_on_event(&targets, &event));
}
END_TEST

START_TEST(groups_end_a_set_unless_they_come_again)
{
	const struct abi_event gone = {.kind = ABI_EVENT_CGROUP_GONE, .aimed.recordings = 1};

	for (int is_followed = 0; is_followed < 2; is_followed++) {
		CLEANUP(targets_done) struct targets targets = {.is_set = true};

		ck_assert(!targets_are_gone(&targets));
		targets_add_group(&targets, is_followed);
		ck_assert_int_eq(targets_on_event(&targets, &gone), !is_followed);
	}
}
END_TEST

START_TEST(what_the_kernel_side_says_stands)
{
	CLEANUP(targets_done) struct targets targets = {};
	uint32_t *pids = malloc(sizeof(*pids));

	pids[0] = 9;
	ck_assert_int_eq(targets_add(&targets, 5), 0);
	targets_set(&targets, pids, 1, 0, 0);
	ck_assert(targets_has(&targets, 9) && !targets_has(&targets, 5));
	targets_set(&targets, NULL, 0, 0, 0);
	ck_assert(targets_are_gone(&targets));
}
END_TEST

START_TEST(process_that_is_not_there_is_esrch)
{
	uint64_t start_ns;

	ck_assert_int_eq(process_start_time(1u << 30, &start_ns), -ESRCH);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		process_is_added_once,
		children_keep_a_recording_when_they_are_followed,
		threads_count_where_the_event_is_for_the_recording,
		groups_end_a_set_unless_they_come_again,
		what_the_kernel_side_says_stands,
		process_that_is_not_there_is_esrch,
	};

	return check_main("target/targets", tests, ARRAY_SIZE(tests));
}
