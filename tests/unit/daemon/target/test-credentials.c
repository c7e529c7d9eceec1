/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Against a made-up procfs for the texts, and against real processes for what only they have. */

#include "daemon/target/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define ID 4711

static char directory[64];
static int process_fd = -1, self_fd = -1;

static void put(const char *name, const char *text)
{
	int fd = openat(process_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void begin(void)
{
	strcpy(directory, "/tmp/perfctl-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	process_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	self_fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	put("maps", "");
	put("uid_map", "         0          0 4294967295\n");
	put("gid_map", "         0          0 4294967295\n");
}

static void finish(void)
{
	static const char *const names[] = {"maps", "uid_map", "gid_map", "status"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlinkat(process_fd, names[i], 0);
	rmdir(directory);
	close(process_fd);
	close(self_fd);
}

#define STATUS_HEAD "Name:\ta\\nUid:\\t0\nUmask:\t0022\n"
#define STATUS_IDS "Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"

START_TEST(ids_and_capabilities_are_read_in_their_order)
{
	struct access_process process;

	put("status",
		STATUS_HEAD "State:\tR (running)\n" STATUS_IDS
			    "VmSize:\t1 kB\nThreads:\t1\nCapPrm:\t0000000000000400\n");
	ck_assert_int_eq(credentials_read(process_fd, self_fd, &process), 0);
	ck_assert_uint_eq(process.uid, 1);
	ck_assert_uint_eq(process.euid, 2);
	ck_assert_uint_eq(process.suid, 3);
	ck_assert_uint_eq(process.gid, 5);
	ck_assert_uint_eq(process.egid, 6);
	ck_assert_uint_eq(process.sgid, 7);
	ck_assert_uint_eq(process.cap_permitted, 0x400);
	ck_assert(!process.is_kernel_thread);
	ck_assert(process.is_initial_userns);
}
END_TEST

static const struct {
	const char *status;
	int result;
} odd[] = {
	{"", -EBADMSG},
	{STATUS_HEAD STATUS_IDS, -EBADMSG},
	{STATUS_HEAD "Uid:\tx\nGid:\t1\t1\t1\t1\nCapPrm:\t0\n", -EBADMSG},
	{STATUS_HEAD "Uid:\t1\t1\nGid:\t1\t1\t1\t1\nCapPrm:\t0\n", -EBADMSG},
	{STATUS_HEAD "State:\tZ (zombie)\n" STATUS_IDS "Threads:\t1\nCapPrm:\t0\n", -ESRCH},
	{STATUS_HEAD "State:\tX (dead)\n" STATUS_IDS "Threads:\t1\nCapPrm:\t0\n", -ESRCH},
	{STATUS_HEAD "State:\tZ (zombie)\n" STATUS_IDS "Threads:\t3\nCapPrm:\t0\n", 0},
};

START_TEST(odd_and_dead_processes_are_told)
{
	struct access_process process;

	put("status", odd[_i].status);
	ck_assert_int_eq(credentials_read(process_fd, self_fd, &process), odd[_i].result);
}
END_TEST

START_TEST(a_process_without_files_is_gone)
{
	struct access_process process;

	ck_assert_int_eq(credentials_read(process_fd, self_fd, &process), -ESRCH);
}
END_TEST

static const struct {
	const char *tail;
	bool is_kernel_thread;
} threads[] = {
	{"State:\tS\n" STATUS_IDS "Kthread:\t1\nThreads:\t1\nCapPrm:\t0\n", true},
	{"State:\tS\n" STATUS_IDS "Kthread:\t0\nThreads:\t1\nCapPrm:\t0\n", false},
	{"State:\tS\n" STATUS_IDS "Threads:\t1\nCapPrm:\t0\n", true},
	{"State:\tS\n" STATUS_IDS "VmSize:\t1 kB\nThreads:\t1\nCapPrm:\t0\n", false},
};

START_TEST(kernel_threads_are_told_with_and_without_the_kernel_saying_so)
{
	struct access_process process;
	char text[512];

	snprintf(text, sizeof(text), STATUS_HEAD "%s", threads[_i].tail);
	put("status", text);
	ck_assert_int_eq(credentials_read(process_fd, self_fd, &process), 0);
	ck_assert_int_eq(process.is_kernel_thread, threads[_i].is_kernel_thread);
}
END_TEST

static const char *const maps[] = {
	"",
	"0 1000 1\n",
	"0 0 65536\n",
	"0 100000 65536\n",
	"1 1 4294967295\n",
	"0 0 1\n1 1 4294967294\n",
};

START_TEST(a_namespace_that_maps_ids_otherwise_is_another_one)
{
	struct access_process process;

	put("status", STATUS_HEAD "State:\tS\n" STATUS_IDS "Threads:\t1\nCapPrm:\t0\n");
	put("uid_map", maps[_i]);
	ck_assert_int_eq(credentials_read(process_fd, self_fd, &process), 0);
	ck_assert(!process.is_initial_userns);
	put("uid_map", "0 0 4294967295\n");
	put("gid_map", maps[_i]);
	ck_assert_int_eq(credentials_read(process_fd, self_fd, &process), 0);
	ck_assert(!process.is_initial_userns);
}
END_TEST

/* A child with the id, dumpable or not, and what is read of it. */
static void read_child(int dumpable, struct access_process *ret_process)
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(ID, ID, ID) || setresuid(ID, ID, ID))
			_exit(1);
		prctl(PR_SET_DUMPABLE, dumpable);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(credentials_read_pid(pid, ret_process), 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(credentials_read_pid(pid, ret_process), -ESRCH);
}

START_TEST(a_dumpable_process_is_told_from_one_that_is_not)
{
	const struct access_caller caller = {.uid = ID, .gid = ID};
	struct access_process process;

	read_child(1, &process);
	ck_assert_uint_eq(process.suid, ID);
	ck_assert_uint_eq(process.sgid, ID);
	ck_assert_uint_eq(process.cap_permitted, 0);
	ck_assert(process.is_initial_userns);
	ck_assert(process.is_dumpable);
	ck_assert_int_eq(access_check_process(&caller, &process), ACCESS_ALLOWED);
	read_child(0, &process);
	ck_assert(!process.is_dumpable);
	ck_assert_int_eq(access_check_process(&caller, &process), ACCESS_NOT_DUMPABLE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("credentials");
	TCase *tcase = tcase_create("credentials");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, begin, finish);
	tcase_add_test(tcase, ids_and_capabilities_are_read_in_their_order);
	tcase_add_loop_test(tcase, odd_and_dead_processes_are_told, 0, (int)ARRAY_SIZE(odd));
	tcase_add_test(tcase, a_process_without_files_is_gone);
	tcase_add_loop_test(tcase, kernel_threads_are_told_with_and_without_the_kernel_saying_so, 0,
		(int)ARRAY_SIZE(threads));
	tcase_add_loop_test(tcase, a_namespace_that_maps_ids_otherwise_is_another_one, 0,
		(int)ARRAY_SIZE(maps));
	if (!getuid())
		tcase_add_test(tcase, a_dumpable_process_is_told_from_one_that_is_not);
	else
		fprintf(stderr, "skipped: real processes need root to change their ids\n");
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
