/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Children that are an ordinary user's, and after an exec are not: each burns CPU time in
 * before_exec(), then executes a program that burns in another function. They begin once standard
 * input has a byte or an end, and it is an error if not every one of the programs was executed and
 * came to its end. With `hide` one process takes its own memory out of others' sight half way, with
 * `enter` it goes into a user namespace of its own; with `drop` a set-uid program becomes the caller
 * again, which leaves it hidden.
 *
 * usage: changes loop N PROGRAM [ARG…] | changes hide|enter|drop SECONDS
 */

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define BURN_NS 2000000

void before_exec(uint64_t ns);
void hidden(uint64_t ns);

/* Of this process's own CPU time: on a busy machine a deadline may pass without any. */
__attribute__((noinline)) void before_exec(uint64_t ns)
{
	uint64_t end = clock_used_ns() + ns;

	while (clock_used_ns() < end)
		work_a_little();
}

__attribute__((noinline)) void hidden(uint64_t ns)
{
	uint64_t end = clock_used_ns() + ns;

	while (clock_used_ns() < end)
		work_a_little();
	__asm__ volatile("" : : "r"(ns));
}

static int loop(int n, char **program)
{
	int status = 0;
	char go;

	if (read(STDIN_FILENO, &go, 1) < 0)
		return 1;
	for (int i = 0; i < n && !status; i++) {
		pid_t child = fork();

		if (child < 0)
			return 1;
		if (!child) {
			before_exec(BURN_NS);
			execv(program[0], program);
			_exit(127);
		}
		if (waitpid(child, &status, 0) != child)
			return 1;
	}
	return status != 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "loop"))
		return loop(atoi(argv[2]), argv + 3);
	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "hide") || !strcmp(argv[1], "enter")) {
		before_exec((uint64_t)(atof(argv[2]) * 5e8));
		if (!strcmp(argv[1], "hide") ? prctl(PR_SET_DUMPABLE, 0) : unshare(CLONE_NEWUSER))
			return 1;
		hidden((uint64_t)(atof(argv[2]) * 5e8));
		return 0;
	}
	if (setresuid(getuid(), getuid(), getuid()))
		return 1;
	hidden((uint64_t)(atof(argv[2]) * 1e9));
	return 0;
}
