/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A program with known shares of CPU time: four functions at 50/30/15/5, in a loop of exactly 1 ms
 * or 10 ms of wall time, or with random lengths. What each really used is told by the thread's own
 * CPU clock, read between the functions and never in them; it is printed at the end, in ns.
 *
 * usage: shares SECONDS PERIOD_US    (period 0: random lengths)
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#define N_FUNCTIONS 4

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Busy until the time stamp counter has passed `end`. */
#define SPINNER(name)                                                                              \
	__attribute__((noinline)) void name(uint64_t end);                                         \
	void name(uint64_t end)                                                                    \
	{                                                                                          \
		while (__rdtsc() < end)                                                            \
			__asm__ volatile("" ::: "memory");                                         \
	}

SPINNER(share_50)
SPINNER(share_30)
SPINNER(share_15)
SPINNER(share_05)

static double tsc_per_ns(void)
{
	uint64_t t0 = now_ns(CLOCK_MONOTONIC), c0 = __rdtsc();

	while (now_ns(CLOCK_MONOTONIC) - t0 < 100000000)
		;
	return (double)(__rdtsc() - c0) / (double)(now_ns(CLOCK_MONOTONIC) - t0);
}

int main(int argc, char **argv)
{
	static void (*const functions[N_FUNCTIONS])(uint64_t) = {
		share_50, share_30, share_15, share_05};
	static const double ends[N_FUNCTIONS] = {0.5, 0.8, 0.95, 1.0};
	double seconds = argc > 1 ? atof(argv[1]) : 10, period_us = argc > 2 ? atof(argv[2]) : 0;
	double rate = tsc_per_ns();
	uint64_t used[N_FUNCTIONS] = {0}, start = __rdtsc(), end, next;

	end = start + (uint64_t)(seconds * 1e9 * rate);
	for (next = start; next < end;) {
		double length_us = period_us ? period_us : 200 + 3000 * drand48();
		uint64_t before = now_ns(CLOCK_THREAD_CPUTIME_ID);

		for (int i = 0; i < N_FUNCTIONS; i++) {
			uint64_t after;

			functions[i](next + (uint64_t)(length_us * 1e3 * ends[i] * rate));
			after = now_ns(CLOCK_THREAD_CPUTIME_ID);
			used[i] += after - before;
			before = after;
		}
		next += (uint64_t)(length_us * 1e3 * rate);
	}
	for (int i = 0; i < N_FUNCTIONS; i++)
		printf("%" PRIu64 "%c", used[i], i + 1 < N_FUNCTIONS ? ' ' : '\n');
	return 0;
}
