/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two programs that execute one another without end, some hundred times a second, linked to the same
 * fixed addresses. A function of the one in a sample of the other pairs the registers of one image
 * with the mappings of the other.
 *
 * usage: exec-loop-X DEADLINE_NS OTHER   (the deadline on CLOCK_MONOTONIC; 0: 30 s from now)
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define PASTE(a, b) a##b
#define FUNCTION(prefix, suffix) PASTE(prefix, suffix)

void FUNCTION(NAME, _only)(uint64_t until_used_ns);

__attribute__((noinline)) void FUNCTION(NAME, _only)(uint64_t until_used_ns)
{
	while (clock_used_ns() < until_used_ns)
		work_a_little();
}

int main(int argc, char **argv)
{
	uint64_t deadline_ns = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	char deadline[24];

	if (argc < 3)
		return 2;
	if (!deadline_ns)
		deadline_ns = clock_deadline_ns(30);
	FUNCTION(NAME, _only)(clock_used_ns() + 1000000);
	if (clock_now_ns() > deadline_ns)
		return 0;
	snprintf(deadline, sizeof(deadline), "%" PRIu64, deadline_ns);
	execl(argv[2], argv[2], deadline, argv[0], NULL);
	return 1;
}
