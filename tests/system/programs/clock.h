/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Time for the programs under test: all of them end by themselves at a deadline. */

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What this process has used: goes on through an exec, and stands still while others run. */
static inline uint64_t clock_used_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_deadline_ns(double seconds)
{
	return clock_now_ns() + (uint64_t)(seconds * 1e9);
}

/*
 * Work that no call interrupts, some microseconds of it. Its counter lies on the stack: a function
 * that uses none of its stack gets no frame pointer from gcc, whatever one asks for.
 */
static inline void work_a_little(void)
{
	for (volatile int i = 0; i < 5000; i++)
		;
}
