/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A library with one function, built twice with other names and the same layout. */

#include "clock.h"

#define PASTE(a, b) a##b
#define FUNCTION(prefix, suffix) PASTE(prefix, suffix)

void FUNCTION(NAME, _plugin_work)(uint64_t deadline_ns);

void FUNCTION(NAME, _plugin_work)(uint64_t deadline_ns)
{
	while (clock_now_ns() < deadline_ns) {
		for (int i = 0; i < 100; i++)
			work_a_little();
	}
}
