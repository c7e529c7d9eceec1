/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Periods, redraws and thinning, put together in a simulation: redraws restart the timer, and a tick is
 * kept as in bpf/on-cpu.bpf.h.
 */

#include "daemon/capture/clock.h"

#include <math.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

/* Of a program whose loop of `loop_s` seconds is 50, 30, 15 and 5 % of its time in four functions. */
static const double share[] = {0.5, 0.3, 0.15, 0.05};

/* The samples in each function in `seconds`, after `n_ticks` of the timer; how many there are. */
static double simulate(double hz, double seconds, double loop_s, double count[4], double *n_ticks)
{
	static const double end[] = {0.5, 0.8, 0.95, 1};
	double redraw_hz = clock_redraw_hz(clock_base_hz(hz)), start = loop_s * drand48();
	double now = 0, last = 0, credit = 0, n = 0;

	while (now < seconds) {
		double period = clock_draw_period_ns(hz, drand48()) / 1e9;
		double stay = -log(1 - drand48()) / redraw_hz;

		for (double tick = now + period; tick < now + stay; tick += period, (*n_ticks)++) {
			double wanted = (tick - last) * hz, turns = (start + tick) / loop_s;
			double chance = wanted + credit / 4;
			size_t i = 0;

			last = tick;
			credit += wanted;
			if (drand48() >= chance || tick > seconds)
				continue;
			while (turns - floor(turns) >= end[i])
				i++;
			credit--;
			count[i]++;
			n++;
		}
		now += stay;
	}
	return n;
}

static void rate_is_reached(double hz)
{
	double count[4] = {}, n_ticks = 0, seconds = 20000 / hz;
	double n = simulate(hz, seconds, 1, count, &n_ticks);

	ck_assert_msg(fabs(n / seconds / hz - 1) < 0.003, "%g Hz became %g", hz, n / seconds);
	/* One standard error is 1 % where there are fewest redraws. */
	ck_assert_msg(fabs(n_ticks / seconds / clock_base_hz(hz) - 1) < 0.15, "%g ticks a second",
		n_ticks / seconds);
}

START_TEST(rate_is_reached_in_spite_of_redraws)
{
	srand48(1);
	rate_is_reached(19);
	rate_is_reached(99);
	rate_is_reached(999);
	rate_is_reached(4999);
}
END_TEST

/*
 * Two threads, each on a CPU of its own, have equal shares. In standard errors of independent samples:
 * the root of the mean square of how far they are off.
 */
static double error_between_cpus(double hz, double seconds)
{
	double count[4] = {}, n_ticks = 0, sum = 0;
	size_t n_runs = 100;

	for (size_t i = 0; i < n_runs; i++) {
		double a = simulate(hz, seconds, 1, count, &n_ticks);
		double b = simulate(hz, seconds, 1, count, &n_ticks);

		sum += (a - b) * (a - b) / (a + b);
	}
	return sqrt(sum / (double)n_runs);
}

START_TEST(equal_times_on_different_cpus_have_equally_many_samples)
{
	srand48(3);
	ck_assert_double_lt(error_between_cpus(99, 2), 1.1);
	ck_assert_double_lt(error_between_cpus(999, 2), 1.1);
	ck_assert_double_lt(error_between_cpus(4999, 1), 1.1);
}
END_TEST

/* Of ten seconds. */
static double chi_squared(double hz, double loop_s)
{
	double count[4] = {}, n_ticks = 0, n = simulate(hz, 10, loop_s, count, &n_ticks), sum = 0;

	for (size_t i = 0; i < 4; i++)
		sum += pow(count[i] - n * share[i], 2) / (n * share[i]);
	return sum;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Independent samples would have a median of 2.4, and 5 % of the runs above 7.8. Where a period happens
 * to be the program's, what shares it is in one function: tails are heavier.
 */
static void loop_is_sampled_within(double hz, double loop_s, double tail)
{
	double runs[400];
	size_t n = ARRAY_SIZE(runs);

	for (size_t i = 0; i < n; i++)
		runs[i] = chi_squared(hz, loop_s);
	qsort(runs, n, sizeof(runs[0]), compare);
	ck_assert_msg(runs[n / 2] < 3.5 && runs[n * 95 / 100] < tail,
		"%g Hz, loop of %g s: median %g, 95 %% below %g", hz, loop_s, runs[n / 2],
		runs[n * 95 / 100]);
}

static void loop_is_sampled_fairly(double hz, double loop_s)
{
	loop_is_sampled_within(hz, loop_s, 16);
}

START_TEST(program_with_a_period_of_its_own_is_sampled_as_by_chance)
{
	srand48(2);
	loop_is_sampled_fairly(99, 0.01);
	loop_is_sampled_fairly(250, 0.002);
	loop_is_sampled_fairly(500, 0.002);
	loop_is_sampled_fairly(999, 0.0005);
	loop_is_sampled_fairly(999, 0.001);
	loop_is_sampled_fairly(1999, 0.001);
	loop_is_sampled_fairly(4999, 0.001);
	/* As long as a period: some hundred samples of 50000 may be in step with it. */
	loop_is_sampled_within(4999, 0.0002, 40);
	/* Phases: of a second, and shorter and longer ones. */
	loop_is_sampled_fairly(99, 2);
	loop_is_sampled_fairly(999, 2);
	loop_is_sampled_fairly(4999, 2);
}
END_TEST

START_TEST(fast_clocks_are_redrawn_less_and_never_less_than_seven_times_a_second)
{
	ck_assert_double_eq_tol(clock_redraw_hz(150), 10, 1e-9);
	ck_assert_double_eq_tol(clock_redraw_hz(1000), 33, 1e-9);
	ck_assert_double_lt(clock_redraw_hz(1001), 33);
	ck_assert_double_gt(clock_redraw_hz(1200), clock_redraw_hz(1500));
	ck_assert_double_eq_tol(clock_redraw_hz(4999), 7, 1e-9);
	ck_assert_double_eq_tol(clock_redraw_hz(10000), 7, 1e-9);
}
END_TEST

/* A CPU's share after so many seconds of periods of a tenth of one, of whose ticks a part is kept. */
static double share_after(double share, double kept, double seconds)
{
	for (double t = 0; t < seconds; t += 0.1)
		share = clock_redraw_share(share, kept * 500, 500, 0.1);
	return share;
}

START_TEST(what_is_sampled_less_is_redrawn_less_and_never_not_at_all)
{
	ck_assert_double_eq_tol(share_after(1, 1, 5), 1, 1e-9);
	ck_assert_double_eq_tol(share_after(1, 0.5, 10), 0.5, 0.01);
	ck_assert_double_eq_tol(share_after(1, 0, 10), 0.125, 1e-9);
	/* More was kept than wanted, or nothing was wanted yet: no more than always. */
	ck_assert_double_eq_tol(share_after(1, 1.5, 10), 1, 1e-9);
	ck_assert_double_eq_tol(clock_redraw_share(1, 0, 0, 0), 1, 1e-9);
}
END_TEST

START_TEST(target_that_comes_to_a_cpu_is_noticed_within_seconds)
{
	ck_assert_double_gt(share_after(0.125, 1, 2), 0.85);
	ck_assert_double_lt(share_after(1, 0, 2), 0.25);
	/* One long period says as much as many short ones of the same length. */
	ck_assert_double_eq_tol(
		clock_redraw_share(0.125, 10000, 10000, 2), share_after(0.125, 1, 2), 0.03);
}
END_TEST

START_TEST(longest_period_is_little_more_than_what_is_asked_and_the_shortest_a_third_of_it)
{
	ck_assert_double_eq_tol(clock_draw_period_ns(100, 1), 1.08e7, 1e-3);
	ck_assert_double_eq_tol(clock_draw_period_ns(100, 0), 1.08e7 / 3, 1e-3);
	ck_assert_double_eq_tol(clock_base_hz(1000), 1500 * log(3) / 1.08, 1e-6);
	/* Each tick costs, kept or not. */
	ck_assert_double_lt(clock_base_hz(5000), 1.08 * 5000);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		rate_is_reached_in_spite_of_redraws,
		equal_times_on_different_cpus_have_equally_many_samples,
		program_with_a_period_of_its_own_is_sampled_as_by_chance,
		fast_clocks_are_redrawn_less_and_never_less_than_seven_times_a_second,
		what_is_sampled_less_is_redrawn_less_and_never_not_at_all,
		target_that_comes_to_a_cpu_is_noticed_within_seconds,
		longest_period_is_little_more_than_what_is_asked_and_the_shortest_a_third_of_it,
	};

	return check_main("capture/clock", tests, ARRAY_SIZE(tests));
}
