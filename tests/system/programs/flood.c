/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Hardly ever on the same stack twice: two functions call each other down to a depth of 100, by the
 * bits of a random number, and work at the bottom for about as long as a tick at 10 kHz takes.
 *
 * usage: flood SECONDS
 */

#include <stdlib.h>

#include "clock.h"

#define DEPTH 100

void flood_left(uint64_t bits, int depth);
void flood_right(uint64_t bits, int depth);

static uint64_t mix(uint64_t bits)
{
	return bits * 6364136223846793005u + 1442695040888963407u;
}

static void go_on(uint64_t bits, int depth)
{
	if (!depth)
		work_a_little();
	else if (bits >> 63)
		flood_left(mix(bits), depth - 1);
	else
		flood_right(mix(bits), depth - 1);
}

__attribute__((noinline)) void flood_left(uint64_t bits, int depth)
{
	go_on(bits, depth);
	__asm__ volatile(""); /* keeps the frame: no sibling call */
}

__attribute__((noinline)) void flood_right(uint64_t bits, int depth)
{
	go_on(bits, depth);
	__asm__ volatile("" : : : "memory");
}

int main(int argc, char **argv)
{
	uint64_t end_ns = clock_deadline_ns(argc > 1 ? atof(argv[1]) : 10);

	for (uint64_t round = 0; clock_now_ns() < end_ns; round++)
		flood_left(mix(mix(round)), DEPTH);
	return 0;
}
