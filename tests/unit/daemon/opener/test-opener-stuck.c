/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Children that do not answer. Stopped ones let the deadline pass; those that look up a name in a
 * FUSE file system whose server is silent do not even end when they are killed.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"
#include "tests/unit/daemon/opener/opener-bench.h"

#define SKIPPED 77

static struct opener_bench bench;
static struct opener_request request;

/* A bench and a request that can be answered. */
static void open_with_file(void)
{
	bench_open(&bench);
	bench_file(&bench, "file", "text");
	request = (struct opener_request){
		.how = OPENER_HOST_PATH,
		.path = bench_path(&bench, "file"),
	};
}

static void is_answered(void)
{
	struct answer answer;

	bench_ask(&bench, &request, &answer);
	ck_assert_int_eq(answer.error, 0);
	ck_assert_str_eq(answer.text, "text");
}

START_TEST(stopped_child_lets_its_deadline_pass_and_a_successor_answers_the_next)
{
	struct answer first, second;
	uint64_t start_ns, time_ns;
	pid_t child, successor;
	size_t n;

	open_with_file();
	is_answered();
	child = opener_pid(&n);
	ck_assert_int_eq(kill(child, SIGSTOP), 0);
	start_ns = time_now_ns(CLOCK_MONOTONIC);
	bench_submit(&bench, &request, &first);
	bench_submit(&bench, &request, &second);
	bench_wait(&bench, &first);
	time_ns = time_now_ns(CLOCK_MONOTONIC) - start_ns;
	ck_assert_int_eq(first.error, -ETIMEDOUT);
	ck_assert_uint_ge(time_ns, OPENER_DEADLINE_MS * NS_PER_MS / 10 * 9);
	ck_assert_uint_le(time_ns, OPENER_DEADLINE_MS * NS_PER_MS * 3);
	bench_wait(&bench, &second);
	ck_assert_int_eq(second.error, 0);
	bench_run_for(&bench, 300 * NS_PER_MS);
	successor = opener_pid(&n);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_ne(successor, child);
	bench_close(&bench);
}
END_TEST

START_TEST(child_that_has_died_is_replaced_at_the_next_request)
{
	struct answer answer;
	pid_t child;
	size_t n;

	open_with_file();
	is_answered();
	child = opener_pid(&n);
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	bench_run_for(&bench, 300 * NS_PER_MS);
	ck_assert_int_eq(opener_pid(&n), 0);
	is_answered();
	child = opener_pid(&n);
	ck_assert_int_eq(kill(child, SIGSTOP), 0);
	bench_submit(&bench, &request, &answer);
	bench_run_for(&bench, 100 * NS_PER_MS);
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	bench_wait(&bench, &answer);
	ck_assert_int_eq(answer.error, -ETIMEDOUT);
	is_answered();
	bench_close(&bench);
}
END_TEST

START_TEST(cancelled_request_of_a_stuck_child_is_not_answered)
{
	struct answer first, second;
	size_t n;

	open_with_file();
	is_answered();
	ck_assert_int_eq(kill(opener_pid(&n), SIGSTOP), 0);
	bench_submit(&bench, &request, &first);
	bench_submit(&bench, &request, &second);
	bench_run_for(&bench, 100 * NS_PER_MS);
	opener_cancel(bench.opener, &first);
	bench_wait(&bench, &second);
	ck_assert_int_eq(second.error, 0);
	ck_assert_uint_eq(first.n, 0);
	bench_close(&bench);
}
END_TEST

START_TEST(opener_is_freed_with_a_request_under_way)
{
	size_t n_before = descriptors(), n;
	struct answer first, second;

	open_with_file();
	is_answered();
	ck_assert_int_eq(kill(opener_pid(&n), SIGSTOP), 0);
	bench_submit(&bench, &request, &first);
	bench_submit(&bench, &request, &second);
	bench_run_for(&bench, 100 * NS_PER_MS);
	bench_close(&bench);
	ck_assert_uint_eq(first.n + second.n, 0);
	ck_assert_uint_eq(descriptors(), n_before);
}
END_TEST

union fuse_reply {
	struct fuse_init_out init;
	struct fuse_entry_out entry;
	struct fuse_attr_out attributes;
	struct fuse_open_out open;
	struct fuse_statfs_out statfs;
};

/* The size of the answer, or 0: none comes. */
static size_t server_answer(const struct fuse_in_header *asked, union fuse_reply *ret_reply)
{
	const struct fuse_attr file = {.ino = 2, .size = 100, .mode = S_IFREG | 0644, .nlink = 1};

	switch (asked->opcode) {
	case FUSE_INIT:
		ret_reply->init.major = FUSE_KERNEL_VERSION;
		ret_reply->init.minor = FUSE_KERNEL_MINOR_VERSION;
		return sizeof(ret_reply->init);
	case FUSE_LOOKUP:
		if (strcmp((const char *)(asked + 1), "answered") != 0)
			return 0;
		ret_reply->entry.nodeid = 2;
		ret_reply->entry.attr = file;
		return sizeof(ret_reply->entry);
	case FUSE_GETATTR:
		ret_reply->attributes.attr = file;
		return sizeof(ret_reply->attributes);
	case FUSE_OPEN:
		return sizeof(ret_reply->open);
	case FUSE_STATFS:
		return sizeof(ret_reply->statfs);
	default:
		return 0;
	}
}

/* The server of a file system: one name is found there and can be opened; any other, and whatever
 * else is asked, the close too, waits for ever. */
static _Noreturn void silent_server_run(int fuse_fd)
{
	static char request_bytes[FUSE_MIN_READ_BUFFER * 2];
	const struct fuse_in_header *asked = (const void *)request_bytes;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(fuse_fd, request_bytes, sizeof(request_bytes)) > 0) {
		struct {
			struct fuse_out_header header;
			union fuse_reply body;
		} reply = {};
		size_t size = server_answer(asked, &reply.body);

		if (!size)
			continue;
		reply.header.unique = asked->unique;
		reply.header.len = (uint32_t)(sizeof(reply.header) + size);
		if (write(fuse_fd, &reply, reply.header.len) != reply.header.len)
			_exit(1);
	}
	_exit(0);
}

/* Mounts it; returns its pid. When it ends, the kernel lets go of all who wait for it. */
static pid_t silent_server_start(const char *directory)
{
	int fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[64];
	pid_t pid;

	ck_assert_int_ge(fuse_fd, 0);
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse_fd);
	ck_assert_int_eq(mount("silent", directory, "fuse", MS_NOSUID | MS_NODEV, options), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		silent_server_run(fuse_fd);
	close(fuse_fd);
	return pid;
}

START_TEST(nobody_is_asked_while_too_many_hang_in_a_silent_file_system)
{
	struct opener_request silent = {.how = OPENER_HOST_PATH};
	struct answer first, second;
	uint64_t start_ns;
	pid_t server;
	size_t n;

	open_with_file();
	silent.path = bench_path(&bench, "silent/file");
	server = silent_server_start(bench_path(&bench, "silent"));
	for (unsigned i = 0; i < OPENER_STUCK_MAX; i++) {
		is_answered();
		bench_ask(&bench, &silent, &first);
		ck_assert_int_eq(first.error, -ETIMEDOUT);
		opener_pid(&n);
		ck_assert_uint_eq(n, i + 1);
	}
	start_ns = time_now_ns(CLOCK_MONOTONIC);
	bench_submit(&bench, &request, &first);
	bench_submit(&bench, &request, &second);
	bench_wait(&bench, &second);
	ck_assert_int_eq(first.error, -EBUSY);
	ck_assert_int_eq(second.error, -EBUSY);
	ck_assert_uint_lt(time_now_ns(CLOCK_MONOTONIC) - start_ns, OPENER_DEADLINE_MS * NS_PER_MS);
	ck_assert_int_eq(kill(server, SIGKILL), 0);
	ck_assert_int_eq(waitpid(server, NULL, 0), server);
	bench_run_for(&bench, 300 * NS_PER_MS);
	ck_assert_int_eq(opener_pid(&n), 0);
	is_answered();
	ck_assert_int_eq(umount2(bench_path(&bench, "silent"), MNT_DETACH), 0);
	bench_close(&bench);
}
END_TEST

/* Closing a file there asks the server, and waits for it: the daemon must never have one. */
START_TEST(file_of_a_file_system_in_user_space_is_refused)
{
	struct opener_request inside = {.how = OPENER_HOST_PATH};
	struct answer answer;
	pid_t server;

	open_with_file();
	inside.path = bench_path(&bench, "silent/answered");
	server = silent_server_start(bench_path(&bench, "silent"));
	bench_ask(&bench, &inside, &answer);
	ck_assert_int_eq(answer.error, -EOPNOTSUPP);
	is_answered();
	ck_assert_int_eq(umount2(bench_path(&bench, "silent"), MNT_DETACH), 0);
	ck_assert_int_eq(kill(server, SIGKILL), 0);
	ck_assert_int_eq(waitpid(server, NULL, 0), server);
	bench_close(&bench);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		stopped_child_lets_its_deadline_pass_and_a_successor_answers_the_next,
		child_that_has_died_is_replaced_at_the_next_request,
		cancelled_request_of_a_stuck_child_is_not_answered,
		opener_is_freed_with_a_request_under_way,
		nobody_is_asked_while_too_many_hang_in_a_silent_file_system,
		file_of_a_file_system_in_user_space_is_refused,
	};

	if (access("/dev/fuse", R_OK | W_OK) != 0 || unshare(CLONE_NEWNS) != 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		printf("SKIP: a file system of our own takes root and /dev/fuse\n");
		return SKIPPED;
	}
	return check_main("opener/stuck", tests, ARRAY_SIZE(tests));
}
