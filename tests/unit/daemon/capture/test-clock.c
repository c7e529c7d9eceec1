/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Pairs of events, their periods and redraws, put together in a simulation of one CPU's clock: a redraw
 * restarts the timers of a pair.
 */

#include "daemon/capture/clock.h"

#include <math.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

/* Of a program whose loop of `loop_s` seconds is 50, 30, 15 and 5 % of its time in four functions. */
static const double share[] = {0.5, 0.3, 0.15, 0.05};

struct events {
	double hz, redraw_hz; /* of the CPU */
	double next[CLOCK_EVENTS], period[CLOCK_EVENTS]; /* seconds */
	double redraw; /* when one comes */
};

static double exponential(double hz)
{
	return -log(1 - drand48()) / hz;
}

/* `phase`: how much of the first period is to come. */
static void pair_draw(struct events *events, size_t first, double now, double phase)
{
	double mean_hz = events->hz / CLOCK_EVENTS;
	double hz[2] = {clock_draw_hz(mean_hz, drand48())};

	hz[1] = 2 * mean_hz - hz[0];
	for (size_t i = 0; i < 2; i++) {
		events->period[first + i] = clock_period_ns(
						    hz[i], events->redraw_hz * 2 / CLOCK_EVENTS) /
			1e9;
		events->next[first + i] = now + phase * events->period[first + i];
	}
}

static struct events events_start(double hz)
{
	struct events events = {.hz = hz, .redraw_hz = clock_redraw_hz(hz)};

	for (size_t i = 0; i < CLOCK_EVENTS; i += 2)
		pair_draw(&events, i, 0, drand48());
	events.redraw = exponential(events.redraw_hz);
	return events;
}

static double tick_next(struct events *events)
{
	size_t first = 0;
	double now;

	for (size_t i = 1; i < CLOCK_EVENTS; i++)
		if (events->next[i] < events->next[first])
			first = i;
	now = events->next[first];
	if (events->redraw > now) {
		events->next[first] += events->period[first];
		return now;
	}
	now = events->redraw;
	pair_draw(events, (size_t)(drand48() * CLOCK_EVENTS / 2) * 2, now, 1);
	events->redraw = now + exponential(events->redraw_hz);
	return tick_next(events);
}

/* The samples in each function in `seconds`; how many there are. */
static double simulate(double hz, double seconds, double loop_s, double count[4])
{
	static const double end[] = {0.5, 0.8, 0.95, 1};
	struct events events = events_start(hz);
	double start = loop_s * drand48(), n = 0;

	for (double tick; (tick = tick_next(&events)) < seconds; n++) {
		double turns = (start + tick) / loop_s;
		size_t i = 0;

		while (turns - floor(turns) >= end[i])
			i++;
		count[i]++;
	}
	return n;
}

static void rate_is_reached(double hz)
{
	double count[4] = {}, seconds = 20000 / hz, n = simulate(hz, seconds, 1, count);

	ck_assert_msg(fabs(n / seconds / hz - 1) < 0.003, "%g Hz became %g", hz, n / seconds);
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
	double count[4] = {}, sum = 0;
	size_t n_runs = 100;

	for (size_t i = 0; i < n_runs; i++) {
		double a = simulate(hz, seconds, 1, count);
		double b = simulate(hz, seconds, 1, count);

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
	double count[4] = {}, n = simulate(hz, 10, loop_s, count), sum = 0;

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

/*
 * A program that sleeps for `sleep_s` in the mean, and that is woken, as often as not, by the next tick,
 * which ends the rest of its CPU: runs then for `run_s`. What part of its samples is in the first half of
 * its runs, and how many there are, of those that its time would have.
 */
static void woken_is_sampled(double hz, double sleep_s, double run_s)
{
	struct events events = events_start(hz);
	double now = 0, tick = 0, used = 0, n[2] = {};

	while (now < 40000 / hz) {
		now += exponential(1 / sleep_s);
		while (tick < now)
			tick = tick_next(&events);
		if (drand48() < 0.5) {
			now = tick;
			tick = tick_next(&events);
		}
		for (; tick < now + run_s; tick = tick_next(&events))
			n[tick >= now + run_s / 2]++;
		now += run_s;
		used += run_s;
	}
	ck_assert_msg(
		fabs(n[0] / (n[0] + n[1]) - 0.5) < 0.025 && (n[0] + n[1]) / (used * hz) > 0.75,
		"%g Hz, runs of %g s: %g of the samples in the first half, %g of the time", hz,
		run_s, n[0] / (n[0] + n[1]), (n[0] + n[1]) / (used * hz));
}

START_TEST(program_that_ticks_wake_is_sampled_in_all_its_phases)
{
	srand48(4);
	woken_is_sampled(999, 0.0001, 0.0001);
	woken_is_sampled(999, 0.0005, 0.0006);
	woken_is_sampled(4999, 0.0001, 0.00004);
	woken_is_sampled(4999, 0.0001, 0.0001);
	woken_is_sampled(4999, 0.0001, 0.00015);
	woken_is_sampled(4999, 0.0001, 0.0003);
}
END_TEST

START_TEST(fast_clocks_are_redrawn_less_and_never_less_than_three_times_a_second)
{
	ck_assert_double_eq_tol(clock_redraw_hz(150), 10, 1e-9);
	ck_assert_double_eq_tol(clock_redraw_hz(999), 15, 1e-9);
	ck_assert_double_lt(clock_redraw_hz(1001), 15);
	ck_assert_double_gt(clock_redraw_hz(1200), clock_redraw_hz(1500));
	ck_assert_double_eq_tol(clock_redraw_hz(4999), 3, 1e-3);
	ck_assert_double_eq_tol(clock_redraw_hz(10000), 3, 1e-9);
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

START_TEST(rates_of_a_pair_have_one_sum_and_differ_ninefold_at_most)
{
	ck_assert_double_eq_tol(clock_draw_hz(25, 0), 5, 1e-9);
	ck_assert_double_eq_tol(clock_draw_hz(25, 0.5), 25, 1e-9);
	ck_assert_double_eq_tol(clock_draw_hz(25, 1), 45, 1e-9);
	/* Without redraws it is the inverse; with them shorter. */
	ck_assert_double_eq_tol(clock_period_ns(100, 1e-9), 1e7, 1);
	ck_assert_double_eq_tol(clock_period_ns(100, 100), 1e7 * log(2), 1e-3);
}
END_TEST

START_TEST(period_of_the_slowest_clock_fits_into_what_a_sample_says)
{
	ck_assert_double_eq_tol(clock_hz(4999), 4999, 1e-9);
	ck_assert_double_eq_tol(clock_hz(1.5), 1.5, 1e-9);
	ck_assert_double_lt(1e9 / clock_hz(0.001), (double)UINT32_MAX);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		rate_is_reached_in_spite_of_redraws,
		equal_times_on_different_cpus_have_equally_many_samples,
		program_with_a_period_of_its_own_is_sampled_as_by_chance,
		program_that_ticks_wake_is_sampled_in_all_its_phases,
		fast_clocks_are_redrawn_less_and_never_less_than_three_times_a_second,
		what_is_sampled_less_is_redrawn_less_and_never_not_at_all,
		target_that_comes_to_a_cpu_is_noticed_within_seconds,
		period_of_the_slowest_clock_fits_into_what_a_sample_says,
		rates_of_a_pair_have_one_sum_and_differ_ninefold_at_most,
	};

	return check_main("capture/clock", tests, ARRAY_SIZE(tests));
}
