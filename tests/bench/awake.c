/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Keeps the CPUs from FIRST to LAST awake, and leaves what they share with others to these: a tick of a
 * CPU that rests has to wake it, and is dearer.
 *
 * usage: awake FIRST LAST
 */

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static void stay_awake(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (;;)
		__builtin_ia32_pause();
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	for (int cpu = atoi(argv[1]); cpu <= atoi(argv[2]); cpu++) {
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		stay_awake(cpu);
	}
	return pause();
}
