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
	double reached = simulate(mean_s, redraw_hz, 3e6 / hz);

	/* 3 million ticks: one standard error is well below 0.1 %. */
	ck_assert_msg(fabs(reached / hz - 1) < 0.005, "%g Hz became %g", hz, reached);
}

START_TEST(mean_period_gives_the_rate_asked_in_spite_of_redraws)
{
	srand48(1);
	rate_is_reached(198, 198 / 15.0);
	rate_is_reached(1000, 1000 / 15.0);
	rate_is_reached(4999, 100);
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
		without_redraws_the_rate_is_raised_by_ln_3,
	};

	return check_main("capture/clock", tests, ARRAY_SIZE(tests));
}
