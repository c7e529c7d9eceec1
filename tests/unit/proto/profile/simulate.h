/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Recordings of a program whose truth is known: functions with given costs, which go up and down in
 * phases and from run to run. All of it is made from a seed.
 */

#include "tests/unit/proto/profile/fixture.h"

#define SIMULATE_FUNCTIONS 40

struct simulation {
	double rate_hz, seconds;
	double phase_seconds; /* each function changes its speed so often; 0: never */
	double phase_depth; /* by up to this part of its cost */
	double run_deviation; /* standard deviation of a function's cost from run to run, relative */
	uint32_t step; /* slices that are drawn at once: 1 where time matters */
	bool is_fixed_work; /* it takes as long as it needs, and is a run of a command */
	double cost[SIMULATE_FUNCTIONS]; /* CPU seconds per second, of function "f0", "f1", … */
	double *own; /* SIMULATE_FUNCTIONS, or NULL: gets the shares of just this recording's time */
};

/* Costs fall from function to function; they add up to 1. */
void simulation_init(struct simulation *simulation);

/* A sealed profile. `random` is the generator's state, and moves on. */
struct profile *simulate(const struct simulation *simulation, unsigned short random[3]);
