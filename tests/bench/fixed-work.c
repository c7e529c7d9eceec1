/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * For each line on standard input: the same work of pure computing, some calls deep, and on standard
 * output the nanoseconds that it took, by the clock and of CPU time.
 */

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define DEPTH 12
#define ROUNDS 160000

static volatile uint64_t sink;

__attribute__((noinline)) static uint64_t step(uint64_t x, int depth)
{
	if (!depth) {
		for (int i = 0; i < 64; i++)
			x = x * 6364136223846793005u + 1442695040888963407u;
		return x;
	}
	return step(x ^ (uint64_t)depth, depth - 1) + 1;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(void)
{
	while (getchar() != EOF) {
		uint64_t start_ns = now_ns(CLOCK_MONOTONIC), x = 1;
		uint64_t used_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);

		for (int i = 0; i < ROUNDS; i++)
			x = step(x, DEPTH);
		sink = x;
		used_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - used_ns;
		printf("%llu %llu\n", (unsigned long long)(now_ns(CLOCK_MONOTONIC) - start_ns),
			(unsigned long long)used_ns);
		fflush(stdout);
	}
	return 0;
}
