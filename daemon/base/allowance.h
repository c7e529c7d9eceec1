/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A share of one CPU that some work may use: whether it may go on now, or how long it is to wait. */

#include <stdint.h>

struct allowance {
	double share; /* of one CPU; 0: as much as it likes */
	double credit_ns;
	uint64_t time_ns, used_ns; /* when it was looked at last, and what had been used by then */
};

/* share >= 1: as much as it likes. */
void allowance_set(struct allowance *allowance, double share);

/* `used_ns`: all that the work has used so far. 0: go on; else come again in so many ns. */
uint64_t allowance_wait_ns(struct allowance *allowance, uint64_t now_ns, uint64_t used_ns);
