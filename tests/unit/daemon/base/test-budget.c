/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The budget against loads that answer to what it orders; and the allowance of some work. */

#include "daemon/base/budget.h"

#include <math.h>

#include "daemon/base/allowance.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"

#define INTERVAL 5.0
#define CEILING 0.011
#define MIB (UINT64_C(1) << 20)

/* What stages would cost if nobody held them back; `fixed` goes by no order. */
struct load {
	double sampling, tables, naming, fixed;
};

static double capped(double cost, double share)
{
	return cost < share ? cost : share;
}

static struct budget_cost cost_of(const struct load *load, const struct budget_orders *orders)
{
	return (struct budget_cost){
		.seconds = INTERVAL,
		.cpu = {load->sampling / orders->divisor + load->fixed,
			capped(load->tables, orders->share[BUDGET_TABLES]),
			capped(load->naming, orders->share[BUDGET_NAMING])},
		.own_bytes = 50 * MIB,
		.helper_bytes = 100 * MIB,
	};
}

static void begin(struct budget *budget)
{
	*budget = (struct budget){};
	budget_set(budget, &(struct budget_limits){CEILING, 128 * MIB, 300 * MIB});
}

/* Runs it for so long; returns the mean cost of that time. */
static double run(struct budget *budget, const struct load *load, double seconds)
{
	double sum = 0;
	int n = (int)(seconds / INTERVAL);

	for (int i = 0; i < n; i++) {
		struct budget_cost cost = cost_of(load, &budget->orders);

		sum += cost.cpu[0] + cost.cpu[1] + cost.cpu[2];
		budget_step(budget, &cost);
	}
	return sum / n;
}

START_TEST(default_grows_with_the_number_of_cpus)
{
	ck_assert_double_eq_tol(budget_default_cpu(1), 0.01, 1e-9);
	ck_assert_double_eq_tol(budget_default_cpu(2), 0.011, 1e-9);
	ck_assert_double_eq_tol(budget_default_cpu(64), 0.073, 1e-9);
}
END_TEST

START_TEST(what_is_below_the_ceiling_is_left_alone)
{
	const struct load load = {.sampling = 0.006, .tables = 0.0015, .naming = 0.002};
	struct budget budget;

	begin(&budget);
	run(&budget, &load, 3600);
	ck_assert_ptr_null(budget_held(&budget.orders));
}
END_TEST

START_TEST(short_burst_holds_nobody_back)
{
	const struct load burst = {.tables = 0.1}, usual = {.sampling = 0.003};
	struct budget budget;

	begin(&budget);
	run(&budget, &burst, 5);
	ck_assert_ptr_null(budget_held(&budget.orders));
	run(&budget, &usual, 60);
	ck_assert_ptr_null(budget_held(&budget.orders));
}
END_TEST

/* Five times the ceiling, by whichever stage: under it after 30 seconds, and for good. */
START_TEST(each_stage_is_held_within_half_a_minute)
{
	static const struct load loads[] = {
		{.sampling = 5 * CEILING},
		{.sampling = 5 * CEILING, .fixed = 0.3 * CEILING},
		{.sampling = 0.002, .tables = 5 * CEILING},
		{.sampling = 0.002, .naming = 5 * CEILING},
		{.sampling = 2 * CEILING, .tables = 2 * CEILING, .naming = CEILING},
	};

	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		struct budget budget;

		begin(&budget);
		run(&budget, &loads[i], 30);
		ck_assert_ptr_nonnull(budget_held(&budget.orders));
		ck_assert_double_le(run(&budget, &loads[i], 30), CEILING);
		ck_assert_double_le(run(&budget, &loads[i], 3600), CEILING);
	}
}
END_TEST

START_TEST(mean_of_ten_minutes_is_below_the_ceiling_whatever_comes)
{
	const struct load heavy = {.sampling = 0.004, .naming = 30 * CEILING},
			  usual = {.sampling = 0.004};
	struct budget budget;
	double sum = 0;

	begin(&budget);
	for (int i = 0; i < 30; i++)
		sum += run(&budget, i % 6 ? &usual : &heavy, 20) / 30;
	ck_assert_double_le(sum, CEILING);
}
END_TEST

START_TEST(dearest_stage_pays_and_the_others_do_not)
{
	const struct load load = {.sampling = 0.002, .tables = 5 * CEILING, .naming = 0.001};
	struct budget budget;

	begin(&budget);
	run(&budget, &load, 60);
	ck_assert_str_eq(budget_held(&budget.orders), "tables");
	ck_assert_double_eq(budget.orders.divisor, 1);
	ck_assert_double_eq(budget.orders.share[BUDGET_NAMING], BUDGET_FREE);
}
END_TEST

/* Names are found in jobs of a second, one of which is more than an interval's share. */
START_TEST(large_jobs_of_a_stage_that_is_held_cost_no_other_its_rate)
{
	struct budget budget;

	begin(&budget);
	for (int i = 0; i < 200; i++) {
		struct budget_cost cost = cost_of(
			&(struct load){.sampling = 0.004}, &budget.orders);

		cost.cpu[BUDGET_NAMING] = budget.orders.share[BUDGET_NAMING] > 1 || i % 16 == 0
			? 0.2
			: 0;
		budget_step(&budget, &cost);
		ck_assert_double_eq(budget.orders.divisor, 1);
	}
	ck_assert_str_eq(budget_held(&budget.orders), "naming");
}
END_TEST

START_TEST(all_is_let_go_when_the_load_has_gone)
{
	const struct load heavy = {3 * CEILING, 3 * CEILING, 3 * CEILING, 0};
	const struct load light = {.sampling = 0.002};
	struct budget budget;

	begin(&budget);
	run(&budget, &heavy, 300);
	ck_assert_ptr_nonnull(budget_held(&budget.orders));
	run(&budget, &light, 300);
	ck_assert_ptr_null(budget_held(&budget.orders));
	ck_assert_double_eq(budget.orders.divisor, 1);
}
END_TEST

START_TEST(divisor_has_an_end_where_nothing_helps)
{
	const struct load load = {.fixed = 5 * CEILING};
	struct budget budget;

	begin(&budget);
	run(&budget, &load, 600);
	ck_assert_double_eq(budget.orders.divisor, BUDGET_DIVISOR_MAX);
}
END_TEST

START_TEST(memory_is_given_back_in_steps)
{
	static const struct {
		double used;
		enum budget_memory step;
	} steps[] = {{0.5, BUDGET_MEMORY_EASY}, {0.75, BUDGET_MEMORY_EASY},
		{0.85, BUDGET_MEMORY_GIVE_BACK}, {0.75, BUDGET_MEMORY_GIVE_BACK},
		{0.95, BUDGET_MEMORY_NOTHING_NEW}, {1.2, BUDGET_MEMORY_FEW_STACKS},
		{0.75, BUDGET_MEMORY_GIVE_BACK}, {0.6, BUDGET_MEMORY_EASY}};
	struct budget budget;

	begin(&budget);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct budget_cost cost = {.seconds = INTERVAL,
			.own_bytes = (uint64_t)(steps[i].used * 128 * MIB),
			.helper_bytes = (i % 2 ? 226 : 224) * MIB};

		budget_step(&budget, &cost);
		ck_assert_int_eq(budget.orders.memory, steps[i].step);
		ck_assert_int_eq(budget.orders.helpers_are_large, i % 2);
	}
}
END_TEST

/* Jobs of a cost that is known only when they are done. */
static uint64_t work(struct allowance *allowance, uint64_t job_ns, uint64_t seconds)
{
	uint64_t now_ns = NS_PER_SECOND, end_ns = (1 + seconds) * NS_PER_SECOND, used_ns = 0;

	while (now_ns < end_ns) {
		uint64_t wait_ns = allowance_wait_ns(allowance, now_ns, used_ns);

		now_ns += wait_ns;
		if (wait_ns)
			continue;
		used_ns += job_ns;
		now_ns += job_ns;
	}
	return used_ns;
}

START_TEST(allowance_is_kept_whatever_a_job_costs)
{
	static const uint64_t jobs_ns[] = {100000, 20 * NS_PER_MS, 300 * NS_PER_MS};

	for (size_t i = 0; i < ARRAY_SIZE(jobs_ns); i++) {
		struct allowance allowance = {};
		uint64_t used_ns;

		allowance_set(&allowance, 0.01);
		used_ns = work(&allowance, jobs_ns[i], 100);
		ck_assert_uint_le(used_ns, 11 * NS_PER_SECOND / 10 + 2 * jobs_ns[i]);
		ck_assert_uint_ge(used_ns, 9 * NS_PER_SECOND / 10);
	}
}
END_TEST

START_TEST(free_allowance_never_waits)
{
	struct allowance allowance = {};

	ck_assert_uint_eq(allowance_wait_ns(&allowance, NS_PER_SECOND, NS_PER_SECOND), 0);
	allowance_set(&allowance, 0.01);
	ck_assert_uint_gt(allowance_wait_ns(&allowance, 2 * NS_PER_SECOND, 3 * NS_PER_SECOND), 0);
	allowance_set(&allowance, BUDGET_FREE);
	ck_assert_uint_eq(allowance_wait_ns(&allowance, 2 * NS_PER_SECOND, 9 * NS_PER_SECOND), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		default_grows_with_the_number_of_cpus,
		what_is_below_the_ceiling_is_left_alone,
		short_burst_holds_nobody_back,
		each_stage_is_held_within_half_a_minute,
		mean_of_ten_minutes_is_below_the_ceiling_whatever_comes,
		dearest_stage_pays_and_the_others_do_not,
		large_jobs_of_a_stage_that_is_held_cost_no_other_its_rate,
		all_is_let_go_when_the_load_has_gone,
		divisor_has_an_end_where_nothing_helps,
		memory_is_given_back_in_steps,
		allowance_is_kept_whatever_a_job_costs,
		free_allowance_never_waits,
	};

	return check_main("budget", tests, ARRAY_SIZE(tests));
}
