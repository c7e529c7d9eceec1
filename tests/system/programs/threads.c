/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Starts N threads, all alive at once, each of which works for a while and then waits for the end;
 * prints the id of the first one.
 *
 * usage: threads N WORK_MS SECONDS
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"

static uint64_t work_ns, deadline_ns;
static atomic_int first_tid;

void thread_work(uint64_t until_ns);

__attribute__((noinline)) void thread_work(uint64_t until_ns)
{
	while (clock_now_ns() < until_ns)
		work_a_little();
}

static void *thread_main(void *nothing)
{
	int none = 0;

	atomic_compare_exchange_strong(&first_tid, &none, (int)syscall(SYS_gettid));
	thread_work(clock_now_ns() + work_ns);
	while (clock_now_ns() < deadline_ns)
		usleep(20000);
	return nothing;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	pthread_attr_t attributes;
	pthread_t *threads = calloc((size_t)n, sizeof(*threads));
	int n_started = 0;

	if (argc < 4 || !threads)
		return 2;
	work_ns = strtoull(argv[2], NULL, 10) * 1000000;
	deadline_ns = clock_deadline_ns(atof(argv[3]));
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	while (n_started < n &&
		!pthread_create(&threads[n_started], &attributes, thread_main, NULL))
		n_started++;
	while (!atomic_load(&first_tid))
		usleep(1000);
	printf("%d %d\n", atomic_load(&first_tid), n_started);
	fflush(stdout);
	for (int i = 0; i < n_started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	return n_started == n ? 0 : 1;
}
