/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A parent that works and every 100 ms has a child which works for 50 ms and ends.
 *
 * usage: forks SECONDS
 */

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

void parent_work(uint64_t deadline_ns);
void child_work(uint64_t deadline_ns);

__attribute__((noinline)) void parent_work(uint64_t deadline_ns)
{
	while (clock_now_ns() < deadline_ns)
		work_a_little();
}

__attribute__((noinline)) void child_work(uint64_t deadline_ns)
{
	while (clock_now_ns() < deadline_ns)
		work_a_little();
	__asm__ volatile("" ::"i"(1));
}

int main(int argc, char **argv)
{
	uint64_t deadline_ns = clock_deadline_ns(argc > 1 ? atof(argv[1]) : 10);

	while (clock_now_ns() < deadline_ns) {
		pid_t pid = fork();

		if (pid == 0) {
			child_work(clock_deadline_ns(0.05));
			_exit(0);
		}
		parent_work(clock_deadline_ns(0.1));
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	return 0;
}
