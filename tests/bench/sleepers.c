/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Many processes with many threads that do nothing: what a daemon has to look through before it can
 * record all of them. Prints "ready" when all are there; they end with it.
 *
 * usage: sleepers PROCESSES THREADS-OF-EACH
 */

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STACK_BYTES 65536

static void *sleep_on(void *unused)
{
	pause();
	return unused;
}

static void process(int n_threads, int ready)
{
	pthread_attr_t attributes;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (int i = 1; i < n_threads; i++)
		if (pthread_create(&thread, &attributes, sleep_on, NULL))
			_exit(1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

int main(int argc, char **argv)
{
	int ends[2], n = argc > 2 ? atoi(argv[1]) : 0;
	char told;

	if (n <= 0 || pipe(ends))
		return 2;
	for (int i = 0; i < n; i++) {
		pid_t child = fork();

		if (child < 0)
			return 1;
		if (!child)
			process(atoi(argv[2]), ends[1]);
	}
	for (int i = 0; i < n; i++)
		if (read(ends[0], &told, 1) != 1)
			return 1;
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
