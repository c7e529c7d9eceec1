/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A chain of three functions that burns CPU time. Built more than once, with other names: the code
 * of `spin-alpha` and of `spin-beta`, which are linked to fixed addresses, lies at the same
 * addresses, so that only who is looked up in the right file gets the right names.
 *
 * usage: spin SECONDS [THEN…]   (THEN: executed at the end)
 */

#include <stdlib.h>
#include <unistd.h>

#include "clock.h"

#ifndef NAME
#define NAME spin
#endif
#define PASTE(a, b) a##b
#define FUNCTION(prefix, suffix) PASTE(prefix, suffix)

void FUNCTION(NAME, _leaf)(void);
void FUNCTION(NAME, _middle)(uint64_t deadline_ns);
void FUNCTION(NAME, _outer)(uint64_t deadline_ns);

__attribute__((noinline)) void FUNCTION(NAME, _leaf)(void)
{
	work_a_little();
}

__attribute__((noinline)) void FUNCTION(NAME, _middle)(uint64_t deadline_ns)
{
	while (clock_now_ns() < deadline_ns) {
		for (int i = 0; i < 100; i++)
			FUNCTION(NAME, _leaf)();
	}
}

__attribute__((noinline)) void FUNCTION(NAME, _outer)(uint64_t deadline_ns)
{
	FUNCTION(NAME, _middle)(deadline_ns);
	__asm__ volatile(""); /* keeps the frame: no sibling call */
}

int main(int argc, char **argv)
{
	FUNCTION(NAME, _outer)(clock_deadline_ns(argc > 1 ? atof(argv[1]) : 10));
	if (argc > 2) {
		execv(argv[2], argv + 2);
		return 1;
	}
	return 0;
}
