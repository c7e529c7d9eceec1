/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Works for ever at a depth of DEPTH frames, each larger than the one before, up to a hundred bytes.
 *
 * usage: recurse DEPTH
 */

#include <alloca.h>
#include <stdlib.h>

static volatile unsigned unknown = 1, is_done;

__attribute__((noinline)) static unsigned bottom(void)
{
	unsigned x = unknown;

	while (!is_done)
		unknown = x = x * 1664525u + 1013904223u;
	return x;
}

__attribute__((noinline)) static unsigned deeper(unsigned n)
{
	volatile char *room = alloca(n % 100 + 1);
	unsigned result;

	room[0] = (char)n;
	result = n > 1 ? deeper(n - 1) : bottom();
	return result + (unsigned char)room[0];
}

int main(int argc, char **argv)
{
	return (int)deeper(argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1);
}
