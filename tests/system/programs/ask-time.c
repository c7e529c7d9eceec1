/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Asks the time without pause: in the vdso, where the clock allows it. usage: ask-time SECONDS */

#include <stdlib.h>

#include "clock.h"

int main(int argc, char **argv)
{
	uint64_t deadline_ns = clock_deadline_ns(argc > 1 ? atof(argv[1]) : 10);

	while (clock_now_ns() < deadline_ns)
		;
	return 0;
}
