/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Each slice of time has a Poisson count of each function: the hardest that sampling can do. */

#include "tests/unit/proto/profile/simulate.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/time.h"
#include "proto/profile/profile.h"

void simulation_init(struct simulation *simulation)
{
	double sum = 0;

	*simulation = (struct simulation){
		.rate_hz = 999, .seconds = 10, .run_deviation = 0.02, .step = 1};
	for (int i = 0; i < SIMULATE_FUNCTIONS; i++)
		sum += simulation->cost[i] = pow(0.85, i);
	for (int i = 0; i < SIMULATE_FUNCTIONS; i++)
		simulation->cost[i] /= sum;
}

static double normal(unsigned short random[3])
{
	return sqrt(-2 * log(1 - erand48(random))) * cos(2 * M_PI * erand48(random));
}

/* Knuth's for small means; large ones are normal enough. */
static int64_t poisson(double mean, unsigned short random[3])
{
	double limit = exp(-mean), product = erand48(random);
	int64_t n = 0;

	if (mean > 40)
		return (int64_t)fmax(0, round(mean + sqrt(mean) * normal(random)));
	for (; product > limit; n++)
		product *= erand48(random);
	return n;
}

struct speeds {
	double run[SIMULATE_FUNCTIONS], phase[SIMULATE_FUNCTIONS];
};

static void slice_add(struct profile *profile, const struct simulation *simulation,
	const struct speeds *speeds, struct profile_sample sample, unsigned short random[3])
{
	double seconds = simulation->step * PROFILE_SLICE_MS / 1e3;
	double whole = 0;

	for (int i = 0; i < SIMULATE_FUNCTIONS; i++)
		whole += simulation->cost[i] * speeds->run[i] * speeds->phase[i];
	for (int i = 0; i < SIMULATE_FUNCTIONS; i++) {
		double cost = simulation->cost[i] * speeds->run[i] * speeds->phase[i];
		int64_t n = poisson(cost / (simulation->is_fixed_work ? 1 : whole) * seconds *
				simulation->rate_hz,
			random);
		int64_t values[] = {n, (int64_t)((double)n * 1e9 / simulation->rate_hz)};

		if (simulation->own)
			simulation->own[i] += cost / whole * seconds / simulation->seconds;
		sample.stack = (uint32_t)i + 1;
		if (n)
			ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
	}
}

static void run_add(struct profile *profile, const struct simulation *simulation)
{
	struct profile_run run = {.n_slices = (uint32_t)(simulation->seconds * 10),
		.wall_ns = (uint64_t)(simulation->seconds * 1e9)};

	for (size_t i = 0; i < profile->n_samples; i++)
		run.user_ns += (uint64_t)profile_value(profile, i, 1);
	ck_assert_int_eq(profile_add_string(profile, "work", &profile->conditions.command), 0);
	ck_assert_int_eq(profile_add_run(profile, &run), 0);
}

struct profile *simulate(const struct simulation *simulation, unsigned short random[3])
{
	struct profile *profile = fixture_new();
	struct profile_sample sample = {.thread = fixture_thread(profile, "program", 1, 1)};
	uint32_t n_slices = (uint32_t)(simulation->seconds * 10), stack;
	uint32_t phase = (uint32_t)(simulation->phase_seconds * 10);
	struct speeds speeds;
	char name[32];

	for (int i = 0; i < SIMULATE_FUNCTIONS; i++) {
		snprintf(name, sizeof(name), "f%d@/bin/program", i);
		ck_assert_int_eq(
			profile_add_stack(profile, 0, fixture_frame(profile, name), &stack), 0);
		ck_assert_int_eq(stack, i + 1);
		speeds.run[i] = exp(simulation->run_deviation * normal(random));
		speeds.phase[i] = 1;
		if (simulation->own)
			simulation->own[i] = 0;
	}
	for (sample.slice = 0; sample.slice < n_slices; sample.slice += simulation->step) {
		for (int i = 0; phase && sample.slice % phase == 0 && i < SIMULATE_FUNCTIONS; i++)
			speeds.phase[i] = 1 + simulation->phase_depth * (2 * erand48(random) - 1);
		slice_add(profile, simulation, &speeds, sample, random);
	}
	profile->conditions.duration_ns = (uint64_t)(simulation->seconds * 1e9);
	if (simulation->is_fixed_work)
		run_add(profile, simulation);
	fixture_seal(profile);
	return profile;
}
