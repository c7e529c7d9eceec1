/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Workers that die, hang, lie or cannot be started, and hostile files. This program is its own bad
 * worker: copied under another name and executed in the worker's place, it does what the name says.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/worker/messages.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"
#include "tests/lib/naming-bench.h"

#define N_MUTATIONS 400
#define LIBRARY "lib.so"

static struct naming_bench bench;

static void make_library(uint64_t *ret_address)
{
	bench_run(&bench,
		"echo 'int work(int x) { return x * 3; }' > a.c && "
		"gcc -g -O1 -shared -fPIC -nostdlib -o " LIBRARY " a.c");
	*ret_address = bench_address(&bench, LIBRARY, "work");
}

static void is_named(struct object *object, uint64_t address)
{
	const struct symbol *symbol = bench_name(&bench, object, address);

	ck_assert_ptr_nonnull(symbol);
	ck_assert_msg(!symbol->unnamed, "unnamed: %s", symbol->unnamed);
	ck_assert_str_eq(symbol->lines[0].name, "work");
}

static void has_reason(struct object *object, uint64_t address, const char *reason)
{
	const struct symbol *symbol = bench_name(&bench, object, address);

	ck_assert_ptr_nonnull(symbol);
	ck_assert_ptr_nonnull(symbol->unnamed);
	ck_assert_str_eq(symbol->unnamed, reason);
}

static struct symbolizer_statistics statistics(void)
{
	struct symbolizer_statistics s;

	symbolizer_statistics(bench.symbolizer, &s);
	return s;
}

/* A first name, so that a worker is there; then a signal to all workers. */
static void warm_up_and_signal(struct object **ret_object, uint64_t *ret_address, int signal)
{
	int pids[8];
	size_t n;

	make_library(ret_address);
	*ret_object = bench_object(&bench, LIBRARY);
	is_named(*ret_object, *ret_address);
	n = bench_children("perfd-elf", pids, ARRAY_SIZE(pids));
	ck_assert_uint_ge(n, 1);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(kill(pids[i], signal), 0);
}

START_TEST(hanging_worker_is_killed_and_its_job_done_by_another)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t address;

	bench_open(&bench, NULL, 200 * NS_PER_MS);
	warm_up_and_signal(&object, &address, SIGSTOP);
	is_named(object, address + 1);
	ck_assert_uint_ge(statistics().n_timeouts, 1);
	ck_assert_uint_ge(statistics().n_worker_restarts, 1);
	ck_assert_uint_eq(statistics().n_bad_objects, 0);
	bench_close(&bench);
}
END_TEST

START_TEST(call_waits_a_moment_for_the_one_under_way_and_then_has_a_worker_of_its_own)
{
	CLEANUP(object_unrefp) struct object *object = NULL, *other = NULL;
	uint64_t address, start_ns, took_ns;
	int pids[8];
	size_t n;

	bench_open(&bench, NULL, 0);
	warm_up_and_signal(&object, &address, SIGSTOP);
	bench_run(&bench, "cp " LIBRARY " other.so");
	other = bench_object(&bench, "other.so");
	start_ns = time_now_ns(CLOCK_MONOTONIC);
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, address + 1), 0);
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, other, address), 0);
	do {
		ck_assert_int_eq(loop_step(bench.loop, NS_PER_MS), 0);
		n = bench_children("perfd-elf", pids, ARRAY_SIZE(pids));
		took_ns = time_now_ns(CLOCK_MONOTONIC) - start_ns;
		/* Unless this machine has let us wait. */
		ck_assert(n == 1 || took_ns > 8 * NS_PER_MS);
	} while (took_ns < 5 * NS_PER_MS);
	while (!symbolizer_find(bench.symbolizer, other, address))
		ck_assert_int_eq(loop_step(bench.loop, 100 * NS_PER_MS), 0);
	ck_assert_uint_eq(bench_children("perfd-elf", pids, ARRAY_SIZE(pids)), 2);
	bench_close(&bench);
}
END_TEST

/* Until an offset has a name, or the test's time is over. */
static void await_name(struct object *object, uint64_t address)
{
	while (!symbolizer_find(bench.symbolizer, object, address))
		ck_assert_int_eq(loop_step(bench.loop, 100 * NS_PER_MS), 0);
}

START_TEST(call_waits_for_the_worker_that_has_the_object_open_though_another_one_is_idle)
{
	CLEANUP(object_unrefp) struct object *object = NULL, *other = NULL, *third = NULL;
	uint64_t address, start_ns;
	int first, pids[8];

	/* Two of the objects are open in the first worker, the third one in the second. */
	bench_open(&bench, NULL, 0);
	make_library(&address);
	bench_run(&bench, "cp " LIBRARY " other.so && cp " LIBRARY " third.so");
	object = bench_object(&bench, LIBRARY);
	other = bench_object(&bench, "other.so");
	third = bench_object(&bench, "third.so");
	is_named(object, address);
	is_named(other, address);
	ck_assert_uint_eq(bench_children("perfd-elf", &first, 1), 1);
	kill(first, SIGSTOP);
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, address + 1), 0);
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, third, address), 0);
	await_name(third, address);
	kill(first, SIGCONT);
	ck_assert(bench_wait(&bench));
	ck_assert_uint_eq(bench_children("perfd-elf", pids, ARRAY_SIZE(pids)), 2);
	kill(first, SIGSTOP);
	start_ns = time_now_ns(CLOCK_MONOTONIC);
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, other, address + 1), 0);
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, address + 2), 0);
	await_name(object, address + 2);
	ck_assert_uint_ge(time_now_ns(CLOCK_MONOTONIC) - start_ns, 50 * NS_PER_MS);
	ck_assert_ptr_null(symbolizer_find(bench.symbolizer, other, address + 1));
	bench_close(&bench);
}
END_TEST

START_TEST(worker_killed_in_the_middle_of_a_job_is_replaced_and_names_come)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t address;
	int pids[8];
	size_t n;

	bench_open(&bench, NULL, 0);
	warm_up_and_signal(&object, &address, SIGSTOP);
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, address + 1), 0);
	/* The job is with the stopped worker now. */
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(loop_step(bench.loop, NS_PER_MS), 0);
	n = bench_children("perfd-elf", pids, ARRAY_SIZE(pids));
	for (size_t i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	is_named(object, address + 1);
	ck_assert_uint_ge(statistics().n_worker_restarts, 1);
	ck_assert_uint_eq(statistics().n_bad_objects, 0);
	bench_close(&bench);
}
END_TEST

START_TEST(idle_worker_that_dies_costs_no_object_anything)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t address;

	bench_open(&bench, NULL, 0);
	warm_up_and_signal(&object, &address, SIGKILL);
	is_named(object, address + 1);
	ck_assert_uint_eq(statistics().n_bad_objects, 0);
	bench_close(&bench);
}
END_TEST

/* This program under another name. */
static void open_with(const char *name, uint64_t job_timeout_ns)
{
	static char path[256];
	char self[200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	snprintf(path, sizeof(path), "/tmp/perfctl-%s-%d", name, getpid());
	bench_open(&bench, path, job_timeout_ns);
	bench_run(&bench, "cp %s %s", self, path);
}

static void bad_worker(const char *name, uint64_t min_restarts, uint64_t n_bad)
{
	CLEANUP(object_unrefp) struct object *object = NULL, *other = NULL;
	uint64_t address;

	open_with(name, 300 * NS_PER_MS);
	make_library(&address);
	object = bench_object(&bench, LIBRARY);
	other = bench_object(&bench, "a.c");
	has_reason(object, address, "worker-failed");
	has_reason(object, address + 1, "worker-failed");
	has_reason(other, 0, "worker-failed");
	ck_assert_uint_ge(statistics().n_worker_restarts, min_restarts);
	ck_assert_uint_eq(statistics().n_bad_objects, n_bad);
	bench_run(&bench, "rm /tmp/perfctl-%s-%d", name, getpid());
	bench_close(&bench);
}

START_TEST(object_over_which_a_worker_dies_is_bad_for_good)
{
	bad_worker("dies", 2, 2);
}
END_TEST

/* It does not compute: somebody else may have stopped it. */
START_TEST(object_over_which_two_workers_hang_is_bad_for_good)
{
	bad_worker("hangs", 4, 2);
}
END_TEST

START_TEST(worker_that_lies_is_not_believed)
{
	bad_worker("lies", 2, 2);
}
END_TEST

START_TEST(worker_that_floods_is_cut_off)
{
	bad_worker("floods", 2, 2);
}
END_TEST

START_TEST(worker_that_cannot_start_leaves_frames_unnamed_and_objects_good)
{
	bad_worker("broken", 0, 0);
}
END_TEST

START_TEST(missing_worker_program_leaves_frames_unnamed)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t address;

	bench_open(&bench, "/nonexistent/worker", 0);
	make_library(&address);
	object = bench_object(&bench, LIBRARY);
	has_reason(object, address, "worker-failed");
	bench_close(&bench);
}
END_TEST

START_TEST(text_file_is_no_elf_file)
{
	CLEANUP(object_unrefp) struct object *object = NULL;

	bench_open(&bench, NULL, 0);
	object = bench_object_of_bytes("#!/bin/sh\necho this is long enough\n", 34);
	has_reason(object, 4, "bad-elf");
	bench_close(&bench);
}
END_TEST

/* Cuts off, turns bits, writes huge numbers: by a generator of fixed seed. */
static size_t mutate(char *bytes, size_t n, unsigned seed)
{
	srand(seed);
	if (seed % 8 == 0)
		return (size_t)rand() % n;
	for (unsigned i = 0; i < 1 + seed % 40; i++) {
		size_t at = (size_t)rand() % (seed % 2 ? n : 1024);

		switch (rand() % 3) {
		case 0:
			bytes[at] ^= (char)(1 << rand() % 8);
			break;
		case 1:
			bytes[at] = (char)rand();
			break;
		default:
			memset(bytes + at, 0xff, n - at < 8 ? n - at : 8);
		}
	}
	return n;
}

START_TEST(mutated_files_are_answered_and_good_ones_keep_their_names)
{
	CLEANUP(freep) char *bytes = NULL, *copy = NULL;
	CLEANUP(object_unrefp) struct object *good = NULL;
	static struct object *objects[N_MUTATIONS];
	char path[128];
	uint64_t address;
	size_t size;

	bench_open(&bench, NULL, NS_PER_SECOND);
	make_library(&address);
	good = bench_object(&bench, LIBRARY);
	snprintf(path, sizeof(path), "%s/" LIBRARY, bench.directory);
	ck_assert_int_eq(text_read_file(AT_FDCWD, path, 1 << 20, &bytes, &size), 0);
	copy = malloc(size);
	for (unsigned i = 0; i < N_MUTATIONS; i++) {
		memcpy(copy, bytes, size);
		objects[i] = bench_object_of_bytes(copy, mutate(copy, size, i));
		for (uint64_t j = 0; j < 16; j++)
			symbolizer_want(bench.symbolizer, objects[i], address - 8 + j);
		if (i % 50 == 49)
			ck_assert(bench_wait(&bench));
	}
	for (unsigned i = 0; i < N_MUTATIONS; i++) {
		for (uint64_t j = 0; j < 16; j++)
			ck_assert_ptr_nonnull(
				symbolizer_find(bench.symbolizer, objects[i], address - 8 + j));
		object_unref(objects[i]);
	}
	is_named(good, address);
	bench_close(&bench);
}
END_TEST

/* Both forms of the library, mutated; asked for before an innocent one, which is last in line. */
START_TEST(hostile_files_cost_a_restart_each_at_most_and_others_one_timeout_in_all)
{
	static struct object *objects[N_MUTATIONS];
	CLEANUP(object_unrefp) struct object *innocent = NULL;
	const uint64_t timeout_ns = 10 * NS_PER_SECOND;
	uint64_t address, start_ns;
	char *forms[2];
	size_t sizes[2];

	bench_open(&bench, NULL, timeout_ns);
	make_library(&address);
	bench_run(&bench, "objcopy --compress-debug-sections=zlib " LIBRARY " packed.so");
	for (int i = 0; i < 2; i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", bench.directory, i ? "packed.so" : LIBRARY);
		ck_assert_int_eq(text_read_file(AT_FDCWD, path, 1 << 20, &forms[i], &sizes[i]), 0);
	}
	for (unsigned i = 0; i < N_MUTATIONS; i++) {
		size_t n = sizes[i % 2];
		char *copy = memcpy(malloc(n), forms[i % 2], n);

		objects[i] = bench_object_of_bytes(copy, mutate(copy, n, N_MUTATIONS + i));
		free(copy);
		for (uint64_t j = 0; j < 16; j++)
			symbolizer_want(bench.symbolizer, objects[i], address - 8 + j);
	}
	innocent = bench_object(&bench, LIBRARY);
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, innocent, address), 0);
	start_ns = time_now_ns(CLOCK_MONOTONIC);
	while (!symbolizer_find(bench.symbolizer, innocent, address) &&
		time_now_ns(CLOCK_MONOTONIC) < start_ns + timeout_ns)
		ck_assert_int_eq(loop_step(bench.loop, 100 * NS_PER_MS), 0);
	is_named(innocent, address);
	ck_assert_uint_lt(time_now_ns(CLOCK_MONOTONIC), start_ns + timeout_ns);
	ck_assert_uint_le(statistics().n_worker_restarts, N_MUTATIONS);
	ck_assert_uint_eq(statistics().n_timeouts, 0);
	printf("%d hostile files: %u restarts, all done after %u ms\n", N_MUTATIONS,
		(unsigned)statistics().n_worker_restarts,
		(unsigned)((time_now_ns(CLOCK_MONOTONIC) - start_ns) / NS_PER_MS));
	for (unsigned i = 0; i < N_MUTATIONS; i++)
		object_unref(objects[i]);
	free(forms[0]);
	free(forms[1]);
	bench_close(&bench);
}
END_TEST

/* Objects of files with this content, asked for. */
static void want_files(struct object **objects, size_t n, const char *content)
{
	for (size_t i = 0; i < n; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s-%zu", content, i);
		bench_run(&bench, "echo %s > %s", content, name);
		objects[i] = bench_object(&bench, name);
		ck_assert_int_eq(symbolizer_want(bench.symbolizer, objects[i], 0), 0);
	}
}

static bool are_answered(struct object **objects, size_t n, const char *reason)
{
	for (size_t i = 0; i < n; i++) {
		const struct symbol *symbol = symbolizer_find(bench.symbolizer, objects[i], 0);

		if (!symbol)
			return false;
		ck_assert_str_eq(symbol->unnamed, reason);
	}
	return true;
}

/* More of each kind than there are workers, and the good ones last in line. */
START_TEST(files_that_hang_or_kill_cost_one_worker_each_and_hold_nobody_up)
{
	enum { N = 3, N_GOOD = 20 };
	struct object *hanging[N], *killing[N], *good[N_GOOD];
	uint64_t start_ns;

	open_with("picky", NS_PER_SECOND);
	want_files(hanging, N, "hang");
	want_files(killing, N, "kill");
	want_files(good, N_GOOD, "good");
	start_ns = time_now_ns(CLOCK_MONOTONIC);
	while (!are_answered(good, N_GOOD, "no-symbols"))
		ck_assert_int_eq(loop_step(bench.loop, 100 * NS_PER_MS), 0);
	printf("the good ones are answered after %u ms, %u time-outs\n",
		(unsigned)((time_now_ns(CLOCK_MONOTONIC) - start_ns) / NS_PER_MS),
		(unsigned)statistics().n_timeouts);
	/* One of each of the two workers at the most, at the same time. */
	ck_assert_uint_le(statistics().n_timeouts, 2);
	ck_assert(bench_wait(&bench));
	ck_assert(are_answered(hanging, N, "worker-failed"));
	ck_assert(are_answered(killing, N, "worker-failed"));
	/* Who was kept from computing by this machine is tried once more. */
	ck_assert_uint_ge(statistics().n_timeouts, N);
	ck_assert_uint_le(statistics().n_timeouts, 2 * N);
	ck_assert_uint_eq(statistics().n_worker_restarts, N + statistics().n_timeouts);
	ck_assert_uint_eq(statistics().n_bad_objects, 2 * N);
	for (size_t i = 0; i < N; i++) {
		object_unref(hanging[i]);
		object_unref(killing[i]);
	}
	for (size_t i = 0; i < N_GOOD; i++)
		object_unref(good[i]);
	bench_run(&bench, "rm /tmp/perfctl-picky-%d", getpid());
	bench_close(&bench);
}
END_TEST

static void say(uint32_t id, uint32_t n_symbols, uint32_t body_size)
{
	struct worker_reply reply = {.magic = WORKER_MAGIC,
		.id = id,
		.n_symbols = n_symbols,
		.strings_size = body_size,
		.body_size = body_size};

	if (write(WORKER_SOCKET_FD, &reply, sizeof(reply)) < 0)
		_exit(1);
}

/* The first letter of the file that comes with the request. */
static char receive(struct worker_request *request, uint64_t *offsets, size_t n_max)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * N_WORKER_FILES)];
		struct cmsghdr align;
	} control;
	struct iovec vector[] = {{request, sizeof(*request)}, {offsets, n_max * sizeof(*offsets)}};
	struct msghdr message = {.msg_iov = vector,
		.msg_iovlen = ARRAY_SIZE(vector),
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	char letter = '\0';
	int fd;

	if (recvmsg(WORKER_SOCKET_FD, &message, 0) < (ssize_t)sizeof(*request) ||
		!CMSG_FIRSTHDR(&message))
		_exit(1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	if (pread(fd, &letter, 1, 0) < 0)
		_exit(1);
	close(fd);
	return letter;
}

/* Is what the file says; of one that is good it says that nothing is in it. */
static int be_picky(void)
{
	static const struct worker_probe probe;
	struct worker_request request;
	uint64_t offset = 0;

	for (;;) {
		char letter = receive(&request, &offset, 1);
		struct worker_symbol symbol = {
			.address = offset, .unnamed = WORKER_UNNAMED_NO_SYMBOLS};
		struct worker_reply reply = {.magic = WORKER_MAGIC, .id = request.id};
		struct {
			struct worker_reply reply;
			struct worker_symbol symbol;
			char none;
		} __attribute__((packed)) names;
		ssize_t n;

		if (letter == 'k')
			abort();
		while (letter == 'h')
			;
		if (request.job == WORKER_JOB_PROBE) {
			reply.body_size = sizeof(probe);
			n = write(WORKER_SOCKET_FD, &reply, sizeof(reply));
			n = n < 0 ? n : write(WORKER_SOCKET_FD, &probe, sizeof(probe));
		} else {
			reply.n_symbols = 1;
			reply.strings_size = 1;
			reply.body_size = sizeof(names) - sizeof(reply);
			names.reply = reply;
			names.symbol = symbol;
			names.none = '\0';
			n = write(WORKER_SOCKET_FD, &names, sizeof(names));
		}
		if (n < 0)
			return 1;
	}
}

/* The life of a bad worker. */
static int be_worker(const char *name)
{
	static char junk[1 << 16];
	struct worker_request request;

	if (strstr(name, "broken"))
		return 1;
	memset(junk, 0xee, sizeof(junk));
	say(0, 0, 0);
	if (strstr(name, "picky"))
		return be_picky();
	if (read(WORKER_SOCKET_FD, &request, sizeof(request)) != sizeof(request))
		return 1;
	if (strstr(name, "hangs"))
		pause();
	if (strstr(name, "lies")) {
		say(request.id, 1, sizeof(struct worker_probe));
		if (write(WORKER_SOCKET_FD, junk, sizeof(struct worker_probe)) < 0)
			return 1;
		pause();
	}
	while (strstr(name, "floods"))
		if (write(WORKER_SOCKET_FD, junk, sizeof(junk)) < 0)
			return 1;
	return 1;
}

int main(int argc, char **argv)
{
	char self[256] = "";
	const TTest *const tests[] = {
		hanging_worker_is_killed_and_its_job_done_by_another,
		call_waits_a_moment_for_the_one_under_way_and_then_has_a_worker_of_its_own,
		call_waits_for_the_worker_that_has_the_object_open_though_another_one_is_idle,
		worker_killed_in_the_middle_of_a_job_is_replaced_and_names_come,
		idle_worker_that_dies_costs_no_object_anything,
		object_over_which_a_worker_dies_is_bad_for_good,
		object_over_which_two_workers_hang_is_bad_for_good,
		worker_that_lies_is_not_believed,
		worker_that_floods_is_cut_off,
		worker_that_cannot_start_leaves_frames_unnamed_and_objects_good,
		missing_worker_program_leaves_frames_unnamed,
		text_file_is_no_elf_file,
		mutated_files_are_answered_and_good_ones_keep_their_names,
		hostile_files_cost_a_restart_each_at_most_and_others_one_timeout_in_all,
		files_that_hang_or_kill_cost_one_worker_each_and_hold_nobody_up,
	};

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0 &&
		text_starts_with(self, "/tmp/perfctl-"))
		return be_worker(text_base_name(self));
	return check_main("worker/failures", tests, ARRAY_SIZE(tests));
}
