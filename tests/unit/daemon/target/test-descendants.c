/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Descendants by /proc, of a small family that this program starts: child, grandchild, orphan. */

#include "daemon/target/descendants.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

/* A name that a reader of /proc/PID/stat may stumble over. */
#define TRICKY_NAME ") R 1 1 (x"

enum { CHILD, GRANDCHILD, SECOND, ORPHAN, N_PIDS };

static uint32_t pids[N_PIDS];

static _Noreturn void wait_for_ever(void)
{
	for (;;)
		pause();
}

static pid_t start(int pipe_fd, void (*run)(int pipe_fd))
{
	pid_t pid = fork();
	uint32_t number;

	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	prctl(PR_SET_NAME, TRICKY_NAME);
	number = (uint32_t)getpid();
	if (write(pipe_fd, &number, sizeof(number)) != sizeof(number))
		_exit(1);
	if (run)
		run(pipe_fd);
	wait_for_ever();
}

static void run_child(int pipe_fd)
{
	start(pipe_fd, NULL);
}

/* Its child is nobody's descendant once it has ended itself. */
static void run_parent_of_orphan(int pipe_fd)
{
	start(pipe_fd, NULL);
	_exit(0);
}

static void pid_read(int fd, uint32_t *ret_pid)
{
	ck_assert_int_eq(read(fd, ret_pid, sizeof(*ret_pid)), sizeof(*ret_pid));
}

static void family_start(void)
{
	uint32_t parent;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	start(ends[1], run_child);
	pid_read(ends[0], &pids[CHILD]);
	pid_read(ends[0], &pids[GRANDCHILD]);
	start(ends[1], NULL);
	pid_read(ends[0], &pids[SECOND]);
	start(ends[1], run_parent_of_orphan);
	pid_read(ends[0], &parent);
	pid_read(ends[0], &pids[ORPHAN]);
	ck_assert_int_eq(waitpid((pid_t)parent, NULL, 0), (pid_t)parent);
}

static void family_end(void)
{
	for (size_t i = 0; i < N_PIDS; i++)
		kill((pid_t)pids[i], SIGKILL);
}

static bool has(const uint32_t *found, size_t n, uint32_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (found[i] == pid)
			return true;
	return false;
}

START_TEST(children_of_children_are_descendants_and_orphans_are_not)
{
	CLEANUP(freep) uint32_t *found = NULL;
	uint32_t self = (uint32_t)getpid();
	size_t n;

	family_start();
	ck_assert_int_eq(descendants_find(&self, 1, 100, &found, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert(has(found, n, pids[CHILD]));
	ck_assert(has(found, n, pids[GRANDCHILD]));
	ck_assert(has(found, n, pids[SECOND]));
	family_end();
}
END_TEST

START_TEST(those_asked_about_are_not_among_their_own_descendants)
{
	CLEANUP(freep) uint32_t *found = NULL;
	uint32_t asked[2];
	size_t n;

	family_start();
	asked[0] = (uint32_t)getpid();
	asked[1] = pids[CHILD];
	ck_assert_int_eq(descendants_find(asked, 2, 100, &found, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert(has(found, n, pids[GRANDCHILD]));
	ck_assert(has(found, n, pids[SECOND]));
	family_end();
}
END_TEST

START_TEST(no_more_than_the_limit_are_found)
{
	uint32_t self = (uint32_t)getpid();

	family_start();
	for (size_t max = 0; max < 4; max++) {
		CLEANUP(freep) uint32_t *found = NULL;
		size_t n;

		ck_assert_int_eq(descendants_find(&self, 1, max, &found, &n), 0);
		ck_assert_uint_eq(n, max);
	}
	family_end();
}
END_TEST

START_TEST(childless_and_missing_processes_have_no_descendants)
{
	CLEANUP(freep) uint32_t *found = NULL;
	uint32_t asked[2] = {1u << 30};
	size_t n = 99;

	family_start();
	asked[1] = pids[GRANDCHILD];
	ck_assert_int_eq(descendants_find(asked, 2, 100, &found, &n), 0);
	ck_assert_uint_eq(n, 0);
	family_end();
}
END_TEST

static int n_generations_left = 30;

static void run_generation(int pipe_fd)
{
	if (--n_generations_left)
		start(pipe_fd, run_generation);
}

START_TEST(long_chain_is_found_to_its_end)
{
	uint32_t self = (uint32_t)getpid(), chain[30];
	CLEANUP(freep) uint32_t *found = NULL;
	int ends[2];
	size_t n;

	ck_assert_int_eq(pipe(ends), 0);
	start(ends[1], run_generation);
	for (size_t i = 0; i < ARRAY_SIZE(chain); i++)
		pid_read(ends[0], &chain[i]);
	ck_assert_int_eq(descendants_find(&self, 1, 100, &found, &n), 0);
	ck_assert_uint_eq(n, ARRAY_SIZE(chain));
	for (size_t i = 0; i < ARRAY_SIZE(chain); i++) {
		ck_assert(has(found, n, chain[i]));
		kill((pid_t)chain[i], SIGKILL);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		children_of_children_are_descendants_and_orphans_are_not,
		those_asked_about_are_not_among_their_own_descendants,
		no_more_than_the_limit_are_found,
		childless_and_missing_processes_have_no_descendants,
		long_chain_is_found_to_its_end,
	};

	return check_main("target/descendants", tests, ARRAY_SIZE(tests));
}
