/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Cost is held against the ceiling on an account: what an interval costs less is saved, up to some
 * seconds' worth, so that a burst (a program that is new, a deployment) holds nobody back; once it is
 * overdrawn, the stage that costs most is cut down by what is too much, then the next one. A rule of
 * three is right at the first try for what goes by the rate, and is corrected in the next interval
 * for what does not. What is held back is let go in steps, only as far as the cost that is to be
 * expected then lies well below the ceiling: a load that goes on is not let in again and again.
 */

#include "daemon/base/budget.h"

#include <math.h>
#include <stddef.h>

/* The account: so many seconds of the ceiling can be saved, or owed. */
#define SAVED_SECONDS 60
#define OWED_SECONDS 300
/* Where the cost is brought to, and up to where something held back may be let go: of the ceiling. */
#define AIM 0.7
#define LETTING_GO 0.6
/* Of the ceiling of all helpers: one at work needs room. */
#define HELPERS_LARGE 0.75
/* The account is kept against so much of the ceiling, so that what was saved at first does not lift the
 * mean of ten minutes above it. */
#define MARGIN 0.9
/* No stage is held below that share of the ceiling: it must still be seen to cost nothing. */
#define SHARE_MIN 0.05
/* What costs much for once is not to be taken for what costs much at this rate. */
#define CUT_MAX 2
#define GIVE_BACK 0.8
#define NOTHING_NEW 0.9
#define EASY 0.7

double budget_default_cpu(unsigned n_cpus)
{
	return 0.01 + 0.001 * (n_cpus > 1 ? n_cpus - 1 : 0);
}

void budget_set(struct budget *budget, const struct budget_limits *limits)
{
	if (!budget->orders.divisor)
		budget->orders = (struct budget_orders){
			.divisor = 1,
			.share = {BUDGET_FREE, BUDGET_FREE, BUDGET_FREE},
		};
	budget->limits = *limits;
	budget->credit = SAVED_SECONDS * limits->cpu;
}

static double total(const struct budget_cost *cost)
{
	double sum = 0;

	for (size_t i = 0; i < N_BUDGET_STAGES; i++)
		sum += cost->cpu[i];
	return sum;
}

/* The dearest stage that `left` (a set of bits) still has; -1: none. */
static int dearest(const struct budget_cost *cost, unsigned left)
{
	int found = -1;

	for (int i = 0; i < N_BUDGET_STAGES; i++)
		if (left >> i & 1 && (found < 0 || cost->cpu[i] > cost->cpu[found]))
			found = i;
	return found;
}

/* Brings a stage down to `wanted` if it can; returns what it will cost. */
static double cut(struct budget *budget, int stage, double now, double wanted)
{
	struct budget_orders *orders = &budget->orders;
	double least = SHARE_MIN * budget->limits.cpu, divisor;

	wanted = fmax(wanted, least);
	if (now <= wanted)
		return now;
	if (stage != BUDGET_SAMPLING) {
		orders->share[stage] = wanted;
		return wanted;
	}
	divisor = fmin(orders->divisor * fmin(now / wanted, CUT_MAX), BUDGET_DIVISOR_MAX);
	now *= orders->divisor / divisor;
	orders->divisor = divisor;
	return now;
}

/*
 * A stage that is held back already takes too much at times, since a job ends when it is done; it then
 * waits for as long: what is to be expected of it is its share, and no other stage is to pay.
 */
static void hold_back(struct budget *budget, const struct budget_cost *cost)
{
	struct budget_cost expected = *cost;
	unsigned left = (1u << N_BUDGET_STAGES) - 1;
	double excess;

	for (size_t i = 0; i < N_BUDGET_STAGES; i++)
		expected.cpu[i] = fmin(cost->cpu[i], budget->orders.share[i]);
	excess = total(&expected) - AIM * budget->limits.cpu;
	while (left && excess > 1e-9) {
		int stage = dearest(&expected, left);
		double now = expected.cpu[stage];

		excess -= now - cut(budget, stage, now, now - excess);
		left &= ~(1u << stage);
	}
}

/* One thing at a time: names first, which nobody gets back later, the rate last. */
static void let_go(struct budget *budget, const struct budget_cost *cost)
{
	struct budget_orders *orders = &budget->orders;
	double room = LETTING_GO * budget->limits.cpu - total(cost);
	double sampling = cost->cpu[BUDGET_SAMPLING];

	for (int stage = N_BUDGET_STAGES - 1; stage > BUDGET_SAMPLING; stage--) {
		bool is_used_up = cost->cpu[stage] > orders->share[stage] / 2;

		if (orders->share[stage] >= BUDGET_FREE ||
			(is_used_up && orders->share[stage] > room))
			continue;
		orders->share[stage] *= 2;
		if (orders->share[stage] > budget->limits.cpu)
			orders->share[stage] = BUDGET_FREE;
		return;
	}
	/* All of what sampling costs is taken to go by the rate. */
	if (orders->divisor > 1 && room > 0)
		orders->divisor = fmax(
			1, orders->divisor * fmax(0.5, sampling / (sampling + room + 1e-9)));
}

static enum budget_memory memory_step(enum budget_memory now, double used)
{
	if (used >= 1)
		return BUDGET_MEMORY_FEW_STACKS;
	if (used >= NOTHING_NEW)
		return BUDGET_MEMORY_NOTHING_NEW;
	if (used >= GIVE_BACK)
		return BUDGET_MEMORY_GIVE_BACK;
	/* In between it stays, one step lower. */
	return used >= EASY && now ? BUDGET_MEMORY_GIVE_BACK : BUDGET_MEMORY_EASY;
}

const struct budget_orders *budget_step(struct budget *budget, const struct budget_cost *cost)
{
	const struct budget_limits *limits = &budget->limits;
	struct budget_orders *orders = &budget->orders;
	double used = total(cost), allowed = MARGIN * limits->cpu;

	budget->credit += (allowed - used) * cost->seconds;
	budget->credit = fmin(budget->credit, SAVED_SECONDS * limits->cpu);
	budget->credit = fmax(budget->credit, -OWED_SECONDS * limits->cpu);
	if (used > allowed && budget->credit < 0)
		hold_back(budget, cost);
	else if (used < LETTING_GO * limits->cpu && budget->credit > 0)
		let_go(budget, cost);
	orders->memory = memory_step(
		orders->memory, (double)cost->own_bytes / (double)limits->own_bytes);
	orders->helpers_are_large = (double)cost->helper_bytes >
		HELPERS_LARGE * (double)limits->helper_bytes;
	return orders;
}

const char *budget_held(const struct budget_orders *orders)
{
	if (orders->memory >= BUDGET_MEMORY_NOTHING_NEW)
		return "memory";
	if (orders->divisor > 1)
		return "sampling";
	if (orders->share[BUDGET_TABLES] < BUDGET_FREE)
		return "tables";
	return orders->share[BUDGET_NAMING] < BUDGET_FREE ? "naming" : NULL;
}
