/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who is at the other end, and where the socket lies. */

#include "daemon/server/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/server/listen.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define ID 4711
#define GROUP 4712
#define ADMIN_GROUP 4713

static char directory[64], path[96];
static int listener = -1;

static void begin(void)
{
	strcpy(directory, "/tmp/perfctl-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chmod(directory, 0755), 0);
	snprintf(path, sizeof(path), "%s/socket", directory);
	ck_assert_int_eq(listen_open(path, &listener), 0);
}

static void finish(void)
{
	listen_close(path, listener);
	closep(&listener);
	ck_assert_int_eq(rmdir(directory), 0);
}

/* Connects from a child that has first become somebody, and reads who it is. */
static void peer_of(void (*become)(void), struct peer *ret_peer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	pid_t pid = fork();
	int fd;

	if (!pid) {
		memcpy(address.sun_path, path, strlen(path) + 1);
		become();
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
			_exit(1);
		pause();
		_exit(0);
	}
	fcntl(listener, F_SETFL, 0);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(peer_read(fd, ADMIN_GROUP, ret_peer), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
}

static void become_nothing(void)
{
}

static void become_user(void)
{
	if (setgroups(0, NULL) || setresgid(GROUP, GROUP, GROUP) || setresuid(ID, ID, ID))
		_exit(1);
}

static void become_member(void)
{
	gid_t groups[200];

	for (gid_t i = 0; i < 200; i++)
		groups[i] = ADMIN_GROUP - 199 + i;
	if (setgroups(200, groups) || setresgid(GROUP, GROUP, GROUP) || setresuid(ID, ID, ID))
		_exit(1);
}

static void become_member_by_main_group(void)
{
	if (setgroups(0, NULL) || setresgid(ADMIN_GROUP, ADMIN_GROUP, ADMIN_GROUP) ||
		setresuid(ID, ID, ID))
		_exit(1);
}

static void become_bounded_root(void)
{
	if (prctl(PR_CAPBSET_DROP, CAP_PERFMON))
		_exit(1);
}

static void become_namespaced_root(void)
{
	if (unshare(CLONE_NEWUSER))
		_exit(1);
}

START_TEST(root_of_the_host_is_an_admin)
{
	struct peer peer;

	peer_of(become_nothing, &peer);
	ck_assert_uint_eq(peer.caller.uid, 0);
	ck_assert(peer.caller.is_admin);
	ck_assert(!peer.is_foreign_pid_namespace);
}
END_TEST

START_TEST(root_without_perfmon_in_its_bounding_set_is_none)
{
	struct peer peer;

	peer_of(become_bounded_root, &peer);
	ck_assert_uint_eq(peer.caller.uid, 0);
	ck_assert(!peer.caller.is_admin);
}
END_TEST

START_TEST(root_of_another_user_namespace_is_none)
{
	struct peer peer;

	peer_of(become_namespaced_root, &peer);
	ck_assert(!peer.caller.is_admin);
}
END_TEST

START_TEST(an_ordinary_user_is_none)
{
	struct peer peer;

	peer_of(become_user, &peer);
	ck_assert_uint_eq(peer.caller.uid, ID);
	ck_assert_uint_eq(peer.caller.gid, GROUP);
	ck_assert(!peer.caller.is_admin);
	ck_assert(!peer.is_foreign_pid_namespace);
}
END_TEST

START_TEST(a_member_of_the_admin_group_is_an_admin)
{
	struct peer peer;

	peer_of(become_member, &peer);
	ck_assert(peer.caller.is_admin);
	peer_of(become_member_by_main_group, &peer);
	ck_assert(peer.caller.is_admin);
}
END_TEST

START_TEST(a_socketpair_has_a_peer_too)
{
	struct peer peer;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(peer_read(pair[0], (gid_t)-1, &peer), 0);
	ck_assert_uint_eq(peer.caller.uid, geteuid());
	ck_assert_int_eq(peer.caller.pid, getpid());
	ck_assert(!peer.is_foreign_pid_namespace);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(a_peer_in_a_container_has_pids_of_its_own)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct peer peer;
	pid_t pid = fork();
	int fd;

	memcpy(address.sun_path, path, strlen(path) + 1);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWPID))
			_exit(1);
		pid = fork();
		if (pid) {
			waitpid(pid, NULL, 0);
			_exit(0);
		}
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
			_exit(1);
		/* Until the other end closes. */
		_exit((int)read(fd, &(char){0}, 1));
	}
	fcntl(listener, F_SETFL, 0);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_eq(peer_read(fd, (gid_t)-1, &peer), 0);
	ck_assert(peer.is_foreign_pid_namespace);
	close(fd);
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(a_peer_that_has_died_is_no_admin)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct peer peer;
	siginfo_t info;
	pid_t pid = fork();
	int fd;

	memcpy(address.sun_path, path, strlen(path) + 1);
	if (!pid) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	}
	/* Its directory in /proc is still there, until somebody has waited for it. */
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(peer_read(fd, (gid_t)-1, &peer), 0);
	ck_assert(!peer.caller.is_admin);
	close(fd);
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(bounding_set_and_depth_are_read_from_status)
{
	ck_assert(peer_has_bounding("Name:\tx\nCapBnd:\t0000004000000000\n", CAP_PERFMON));
	ck_assert(!peer_has_bounding("Name:\tx\nCapBnd:\t0000003fffffffff\n", CAP_PERFMON));
	ck_assert(!peer_has_bounding("Name:\tx\n", CAP_PERFMON));
	ck_assert_uint_eq(peer_pid_depth("Name:\tx\nNSpid:\t7\nNSpgid:\t7\n"), 1);
	ck_assert_uint_eq(peer_pid_depth("Name:\tx\nNSpid:\t700\t7\nNSpgid:\t7\n"), 2);
	ck_assert_uint_eq(peer_pid_depth("Name:\tx\n"), 0);
}
END_TEST

START_TEST(a_socket_in_use_is_not_replaced_and_a_stale_one_is)
{
	struct stat st;
	int other;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0666);
	ck_assert_int_eq(listen_open(path, &other), -EADDRINUSE);
	closep(&listener);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(listen_open(path, &listener), 0);
}
END_TEST

START_TEST(what_is_no_socket_is_not_replaced)
{
	char other[128];
	int fd;

	snprintf(other, sizeof(other), "%s/file", directory);
	fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	close(fd);
	ck_assert_int_eq(listen_open(other, &fd), -EEXIST);
	ck_assert_int_eq(unlink(other), 0);
	ck_assert_int_eq(symlink("/nonexistent", other), 0);
	ck_assert_int_eq(listen_open(other, &fd), -EEXIST);
	ck_assert_int_eq(unlink(other), 0);
	ck_assert_int_eq(listen_open("/nonexistent/socket", &fd), -ENOENT);
}
END_TEST

START_TEST(anothers_socket_is_not_removed)
{
	int ready[2], other = -1;
	pid_t pid;

	closep(&listener);
	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (listen_open(path, &other) || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &(char){0}, 1), 1);
	listen_close(path, 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(listen_open(path, &listener), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("peer");
	TCase *tcase = tcase_create("peer");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, begin, finish);
	if (!getuid()) {
		tcase_add_test(tcase, root_of_the_host_is_an_admin);
		tcase_add_test(tcase, root_without_perfmon_in_its_bounding_set_is_none);
		tcase_add_test(tcase, root_of_another_user_namespace_is_none);
		tcase_add_test(tcase, an_ordinary_user_is_none);
		tcase_add_test(tcase, a_member_of_the_admin_group_is_an_admin);
		tcase_add_test(tcase, a_peer_in_a_container_has_pids_of_its_own);
	} else {
		fprintf(stderr, "skipped: becoming somebody else needs root\n");
	}
	tcase_add_test(tcase, a_peer_that_has_died_is_no_admin);
	tcase_add_test(tcase, a_socketpair_has_a_peer_too);
	tcase_add_test(tcase, bounding_set_and_depth_are_read_from_status);
	tcase_add_test(tcase, a_socket_in_use_is_not_replaced_and_a_stale_one_is);
	tcase_add_test(tcase, what_is_no_socket_is_not_replaced);
	tcase_add_test(tcase, anothers_socket_is_not_removed);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
