/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Works for ever, in the last of DEPTH functions that main calls one from the other: built with and
 * without frame pointers, so that the cost of a sample can be told per frame.
 *
 * usage: deep DEPTH
 */

#include <stdlib.h>

static volatile unsigned unknown = 1, is_done;

__attribute__((noinline)) static unsigned work(void)
{
	unsigned x = unknown;

	while (!is_done)
		unknown = x = x * 1664525u + 1013904223u;
	return x;
}

__attribute__((noinline)) static unsigned deeper(unsigned n)
{
	unsigned result = n > 1 ? deeper(n - 1) : work();

	__asm__ volatile("" : "+r"(result) : : "memory");
	return result;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;

	return (int)(n > 1 ? deeper(n - 1) : work());
}
