/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A program whose frames are described in .debug_frame only: see meson.build. */

#include <stdio.h>
#include <stdlib.h>

static int __attribute__((noinline)) count(int n)
{
	volatile char bytes[64] = {0};
	int sum = 0;

	for (int i = 0; i < n; i++)
		bytes[i % 64] = (char)(i * n);
	for (int i = 0; i < 64; i++)
		sum += bytes[i];
	return sum;
}

int main(int argc, char **argv)
{
	printf("%d\n", count(argc) + count(argc + 1));
	return EXIT_SUCCESS;
}
