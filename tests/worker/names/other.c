/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A second unit, with inlined functions of the same header. */

#include <stdlib.h>

#include "tests/worker/names/many.h"

static unsigned depth;

static __attribute__((cold, noinline)) void give_up(void)
{
	abort();
}

static unsigned step(unsigned value)
{
	if (depth++ > 1u << 30)
		give_up();
	return clamp(mix(value), 1, 1000000);
}

unsigned other(unsigned value)
{
	unsigned result = 0;

	for (unsigned i = 0; i < (value & 0xff); i++)
		result += step(value + i);
	return result;
}
