/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The mean period that gives a rate in spite of redraws, held against a simulation of the timer. */

#include "daemon/capture/clock.h"

#include <math.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

/* Ticks in `seconds` of a timer that is restarted with a new period at random moments. */
static double simulate(double mean_s, double redraw_hz, double seconds)
{
	double now = 0, n = 0;

	while (now < seconds) {
		double period = mean_s * (0.5 + drand48());
		double stay = -log(1 - drand48()) / redraw_hz;

		n += floor(stay / period);
		now += stay;
	}
	return n / now;
}

static void rate_is_reached(double hz, double redraw_hz)
{
	double mean_s = clock_mean_period_ns(hz, redraw_hz) / 1e9;
	double reached = simulate(mean_s, redraw_hz, 1e5 / redraw_hz);

	/* A hundred thousand periods: one standard error is 0.1 %. */
	ck_assert_msg(fabs(reached / hz - 1) < 0.005, "%g Hz became %g", hz, reached);
}

START_TEST(mean_period_gives_the_rate_asked_in_spite_of_redraws)
{
	srand48(1);
	rate_is_reached(198, clock_redraw_hz(198));
	rate_is_reached(1000, clock_redraw_hz(1000));
	rate_is_reached(4999, clock_redraw_hz(4999));
}
END_TEST

/*
 * Chi-squared of the counts of a program whose loop of `loop_s` seconds is 50, 30, 15 and 5 % of its
 * time in four functions, sampled for ten seconds.
 */
static double chi_squared(double hz, double redraw_hz, double loop_s)
{
	static const double end[] = {0.5, 0.8, 0.95, 1}, share[] = {0.5, 0.3, 0.15, 0.05};
	double mean_s = clock_mean_period_ns(hz, redraw_hz) / 1e9;
	double count[4] = {}, n = 0, sum = 0;

	for (double now = loop_s * drand48(), last = now + 10; now < last;) {
		double period = mean_s * (0.5 + drand48());
		double stay = -log(1 - drand48()) / redraw_hz;

		for (double tick = period; tick < stay; tick += period, n++) {
			double turns = (now + tick) / loop_s, phase = turns - floor(turns);
			size_t i = 0;

			while (phase >= end[i])
				i++;
			count[i]++;
		}
		now += stay;
	}
	for (size_t i = 0; i < 4; i++)
		sum += pow(count[i] - n * share[i], 2) / (n * share[i]);
	return sum;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Independent samples would have a mean of 3, and 1 % of the runs above 11.3. */
static void loop_is_sampled_fairly(double hz, double loop_s)
{
	double runs[400], sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		runs[i] = chi_squared(hz, clock_redraw_hz(hz), loop_s);
		sum += runs[i];
	}
	qsort(runs, ARRAY_SIZE(runs), sizeof(runs[0]), compare);
	ck_assert_msg(sum / ARRAY_SIZE(runs) < 4 && runs[ARRAY_SIZE(runs) * 98 / 100] < 22,
		"%g Hz, loop of %g s: mean %g, 98 %% below %g", hz, loop_s, sum / ARRAY_SIZE(runs),
		runs[ARRAY_SIZE(runs) * 98 / 100]);
}

START_TEST(program_with_a_period_of_its_own_is_sampled_as_by_chance)
{
	srand48(2);
	loop_is_sampled_fairly(198, 0.01);
	loop_is_sampled_fairly(500, 0.002);
	loop_is_sampled_fairly(1000, 0.0005);
	loop_is_sampled_fairly(1000, 0.001);
	loop_is_sampled_fairly(2000, 0.001);
	loop_is_sampled_fairly(4999, 0.001);
	loop_is_sampled_fairly(4999, 0.0002);
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

START_TEST(without_redraws_the_rate_is_raised_by_ln_3)
{
	ck_assert_double_eq_tol(clock_mean_period_ns(1000, 1e-6), 1e6 * log(3), 1e3);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		mean_period_gives_the_rate_asked_in_spite_of_redraws,
		program_with_a_period_of_its_own_is_sampled_as_by_chance,
		fast_clocks_are_redrawn_less_and_never_less_than_seven_times_a_second,
		what_is_sampled_less_is_redrawn_less_and_never_not_at_all,
		target_that_comes_to_a_cpu_is_noticed_within_seconds,
		without_redraws_the_rate_is_raised_by_ln_3,
	};

	return check_main("capture/clock", tests, ARRAY_SIZE(tests));
}
