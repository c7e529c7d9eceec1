/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Executes a program again and again, so many times in a second; those that it is late for are made
 * up for. Prints the pid of each. Without a rate as many as the machine can.
 *
 * usage: storm RATE SECONDS PROGRAM [ARG…]
 */

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "clock.h"

extern char **environ;

int main(int argc, char **argv)
{
	double rate = argc > 3 ? atof(argv[1]) : 0;
	uint64_t start_ns = clock_now_ns(), end_ns, next_ns;

	if (argc < 4)
		return 2;
	end_ns = clock_deadline_ns(atof(argv[2]));
	for (uint64_t n = 0; clock_now_ns() < end_ns; n++) {
		pid_t child;

		if (posix_spawn(&child, argv[3], NULL, NULL, argv + 3, environ))
			return 1;
		printf("%d\n", (int)child);
		waitpid(child, NULL, 0);
		next_ns = rate > 0 ? start_ns + (uint64_t)((double)(n + 1) * 1e9 / rate) : 0;
		if (next_ns > clock_now_ns()) {
			struct timespec until = {
				(time_t)(next_ns / 1000000000u), (long)(next_ns % 1000000000u)};

			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		}
	}
	return 0;
}
