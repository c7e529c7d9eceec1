/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The kernel side for real: needs root, and skips without. */

#include "daemon/capture/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"

static struct {
	struct loop *loop;
	struct capture *capture;
	pid_t child;
	unsigned n_samples, n_foreign, n_needed, n_looks;
	struct abi_file_key exe_key;
	bool has_exe_key;
} t;

static void on_sample(void *userdata, const struct sample *sample)
{
	t.n_samples++;
	t.n_foreign += sample->identity->facts.pid != (uint32_t)t.child;
}

/* The child runs this test's own program, which is asked for by its base name. */
static void on_soon(void *userdata, uint64_t recordings, uint32_t place, uint64_t leaf)
{
}

static void on_event(void *userdata, const struct abi_event *event)
{
	if (event->kind != ABI_EVENT_NEED_FILE)
		return;
	t.n_needed++;
	if (strncmp(event->need.name, "test-capture", 12) != 0)
		return;
	t.exe_key = event->need.key;
	t.has_exe_key = true;
}

static void on_look(void *userdata)
{
	t.n_looks++;
}

static void setup(void)
{
	const struct capture_handlers handlers = {on_sample, on_soon, on_event, on_look};
	struct capture_problem problem;

	memset(&t, 0, sizeof(t));
	ck_assert_int_eq(loop_new(&t.loop), 0);
	ck_assert_msg(capture_new(t.loop, &handlers, NULL, CAPTURE_MAPPINGS_AUTO, &problem,
			      &t.capture) == 0,
		"%s", problem.text);
	t.child = fork();
	if (!t.child) {
		alarm(60);
		for (;;)
			;
	}
}

static void teardown(void)
{
	kill(t.child, SIGKILL);
	waitpid(t.child, NULL, 0);
	capture_free(t.capture);
	loop_free(t.loop);
}

static unsigned take_with(double frequency_hz, bool with_programs)
{
	const struct capture_request request = {
		.frequency_hz = frequency_hz,
		.kinds = CAPTURE_BY_NAME,
		.with_programs = with_programs,
	};
	unsigned slot;

	ck_assert_int_eq(capture_take(t.capture, &request, &slot), 0);
	ck_assert_int_eq(capture_add_target(t.capture, slot, (uint32_t)t.child, 0, false), 0);
	return slot;
}

static unsigned take(double frequency_hz)
{
	return take_with(frequency_hz, false);
}

static void run_ms(uint64_t ms)
{
	uint64_t end_ns = time_now_ns(CLOCK_MONOTONIC) + ms * NS_PER_MS;

	while (time_now_ns(CLOCK_MONOTONIC) < end_ns)
		ck_assert_int_eq(loop_step(t.loop, 10 * NS_PER_MS), 0);
}

START_TEST(file_is_told_from_every_other_by_the_kernels_own_key)
{
	char path[32];
	CLEANUP(closep) int exe = -1, other = -1;

	setup();
	take(99);
	capture_drain(t.capture);
	ck_assert(t.has_exe_key);
	snprintf(path, sizeof(path), "/proc/%d/exe", t.child);
	exe = open(path, O_RDONLY | O_CLOEXEC);
	other = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(exe, 0);
	ck_assert_int_ge(other, 0);
	ck_assert(capture_is_file(t.capture, exe, &t.exe_key));
	ck_assert(!capture_is_file(t.capture, other, &t.exe_key));
	teardown();
}
END_TEST

START_TEST(answered_file_is_not_asked_for_again)
{
	unsigned slot, n_first;

	setup();
	slot = take(99);
	capture_drain(t.capture);
	n_first = t.n_needed;
	ck_assert_uint_gt(n_first, 1);
	capture_answer_file(t.capture, &t.exe_key);
	usleep(150000); /* the kernel asks once in 100 ms */
	capture_ask_files(t.capture, (uint32_t)t.child);
	capture_drain(t.capture);
	ck_assert_uint_eq(t.n_needed, 2 * n_first - 1);
	capture_release(t.capture, slot);
	teardown();
}
END_TEST

/* Where all that is new is told, nothing hurries. */
START_TEST(samples_of_a_quiet_recording_come_within_two_seconds)
{
	unsigned slot, n_samples;

	setup();
	slot = take_with(99, true);
	ck_assert_int_eq(capture_start(t.capture, slot), 0);
	run_ms(1000);
	n_samples = t.n_samples;
	run_ms(2500);
	ck_assert_uint_gt(t.n_samples, n_samples);
	ck_assert_uint_ge(t.n_looks, 2);
	capture_release(t.capture, slot);
	teardown();
}
END_TEST

START_TEST(what_was_taken_is_delivered_and_of_the_target_alone)
{
	struct abi_counters counters;
	unsigned slot;

	setup();
	slot = take(999);
	ck_assert_int_eq(capture_start(t.capture, slot), 0);
	run_ms(600);
	ck_assert_uint_ge(t.n_looks, 1);
	capture_stop(t.capture, slot);
	capture_counters(t.capture, slot, &counters);
	ck_assert_uint_gt(counters.taken, 50);
	ck_assert_uint_eq(counters.taken, counters.delivered + counters.lost_full);
	ck_assert_uint_eq(counters.delivered, t.n_samples);
	ck_assert_uint_eq(t.n_foreign, 0);
	capture_release(t.capture, slot);
	teardown();
}
END_TEST

START_TEST(two_recordings_thin_one_clock_each_to_its_own_rate)
{
	struct abi_counters slow, fast;
	unsigned slot_slow, slot_fast;
	double ratio;

	setup();
	slot_slow = take(250);
	slot_fast = take(1000);
	ck_assert_int_eq(capture_start(t.capture, slot_slow), 0);
	ck_assert_int_eq(capture_start(t.capture, slot_fast), 0);
	run_ms(2000);
	capture_counters(t.capture, slot_slow, &slow);
	capture_counters(t.capture, slot_fast, &fast);
	ratio = (double)fast.taken / (double)slow.taken;
	/* Thinning is steered: the ratio is off by a few ticks, not by the root of their number. */
	ck_assert_msg(ratio > 3.7 && ratio < 4.3, "%g", ratio);
	capture_release(t.capture, slot_slow);
	capture_release(t.capture, slot_fast);
	teardown();
}
END_TEST

START_TEST(removed_target_is_sampled_no_more_for_that_slot_alone)
{
	struct abi_counters removed, kept;
	unsigned slot_removed, slot_kept;

	setup();
	slot_removed = take(500);
	slot_kept = take(500);
	capture_remove_target(t.capture, slot_removed, (uint32_t)t.child);
	capture_remove_target(t.capture, slot_removed, 1u << 30); /* nobody */
	ck_assert_int_eq(capture_start(t.capture, slot_removed), 0);
	ck_assert_int_eq(capture_start(t.capture, slot_kept), 0);
	run_ms(300);
	capture_counters(t.capture, slot_removed, &removed);
	capture_counters(t.capture, slot_kept, &kept);
	ck_assert_uint_eq(removed.taken, 0);
	ck_assert_uint_gt(kept.taken, 20);
	teardown();
}
END_TEST

/* Recordings of this process with and without children, in the first slots and beyond 32. */
START_TEST(children_are_followed_in_those_slots_that_ask_for_it)
{
	struct capture_request request = {.frequency_hz = 200, .kinds = CAPTURE_BY_NAME};
	struct abi_counters counters;
	uint64_t before[40];
	unsigned slots[40];
	pid_t child;

	setup();
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++) {
		request.with_children = i % 2;
		ck_assert_int_eq(capture_take(t.capture, &request, &slots[i]), 0);
		ck_assert_int_eq(
			capture_add_target(t.capture, slots[i], (uint32_t)getpid(), 0, false), 0);
		ck_assert_int_eq(capture_start(t.capture, slots[i]), 0);
	}
	/* Starting all of them has taken this process some CPU time already. */
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++) {
		capture_counters(t.capture, slots[i], &counters);
		before[i] = counters.taken;
	}
	child = fork();
	if (!child) {
		alarm(60);
		for (;;)
			;
	}
	for (int i = 0; i < 60; i++)
		usleep(10000); /* it is the child that uses the CPU */
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++) {
		capture_counters(t.capture, slots[i], &counters);
		counters.taken -= before[i];
		if (i % 2)
			ck_assert_msg(
				counters.taken > 20, "slot %u: %llu", slots[i], counters.taken);
		else
			ck_assert_msg(
				counters.taken < 20, "slot %u: %llu", slots[i], counters.taken);
	}
	teardown();
}
END_TEST

START_TEST(slots_run_out_with_ebusy_and_come_back)
{
	const struct capture_request request = {.frequency_hz = 99};
	unsigned slots[ABI_RECORDINGS_MAX], one_more;

	setup();
	for (size_t i = 0; i < ABI_RECORDINGS_MAX; i++)
		ck_assert_int_eq(capture_take(t.capture, &request, &slots[i]), 0);
	ck_assert_int_eq(capture_take(t.capture, &request, &one_more), -EBUSY);
	capture_release(t.capture, slots[7]);
	ck_assert_int_eq(capture_take(t.capture, &request, &one_more), 0);
	ck_assert_uint_eq(one_more, slots[7]);
	teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		file_is_told_from_every_other_by_the_kernels_own_key,
		answered_file_is_not_asked_for_again,
		samples_of_a_quiet_recording_come_within_two_seconds,
		what_was_taken_is_delivered_and_of_the_target_alone,
		two_recordings_thin_one_clock_each_to_its_own_rate,
		removed_target_is_sampled_no_more_for_that_slot_alone,
		children_are_followed_in_those_slots_that_ask_for_it,
		slots_run_out_with_ebusy_and_come_back,
	};

	if (geteuid() != 0) {
		puts("SKIP: root is needed");
		return 77;
	}
	return check_main("capture/capture", tests, ARRAY_SIZE(tests));
}
