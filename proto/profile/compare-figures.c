/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two estimates -> the change between them, its interval, its p-value, and what change could have been
 * found. Shares are compared as odds against all others, for these are what the scale is from.
 */

#include "proto/profile/compare-figures.h"

#include <math.h>

#include "proto/profile/statistics.h"

/* A change is "likely" to be found at 80 % of the tries. */
#define POWER 0.8
/* Against less than that part of the time nothing is compared. */
#define REST_MIN 0.1

static void interval_make(struct compare_row *row, const struct estimate *before,
	const struct estimate *after, double t)
{
	const struct mean means[] = {
		{before->mean, before->variance}, {after->mean, after->variance}};

	statistics_ratio_interval(means, t, &row->low, &row->high);
	row->low -= 1;
	row->high -= 1;
	row->change = before->mean > 0 ? after->mean / before->mean - 1
		: after->mean > 0      ? INFINITY
				       : NAN;
}

double figures_detectable(const struct estimate *before, const struct estimate *after, double level)
{
	struct welch welch = estimate_welch(before, after);
	double t = statistics_t_quantile(1 - level / 2, welch.df) +
		statistics_t_quantile(POWER, welch.df);
	double mean = fmax(before->mean, after->mean);
	double a = t * t * before->variance, b = t * t * after->variance;

	/* What has become more varies more, too: x where (mean x)^2 = a + b (1 + x). */
	return mean > 0 ? (b + sqrt(b * b + 4 * mean * mean * (a + b))) / (2 * mean * mean)
			: INFINITY;
}

/*
 * A share varies less than what it is a share of: what a function takes is in the whole too. The scale
 * comes from the other functions, so that the change is one against these, as are the odds s/(1 - s),
 * whose relative variance is 1/(1 - s)^2 times the share's.
 */
static struct estimate against_others(const struct scaling *scaling, struct estimate estimate)
{
	double rest = fmax(REST_MIN, 1 - estimate.mean);

	if (scaling->mode != COMPARE_SHARES)
		return estimate;
	estimate.variance /= rest * rest;
	estimate.own_variance /= rest * rest;
	return estimate;
}

static double relative(const struct estimate *estimate)
{
	return estimate->mean > 0 ? estimate->variance / (estimate->mean * estimate->mean) : 0;
}

/*
 * Both sides as they are tested: against the others, and the second scaled. The scale's own doubt is
 * that of the others' amounts, which the step from shares to odds has put in already, where a function
 * is large; so only what is beyond that is added, to the second side.
 */
void figures_scale(const struct scaling *scaling, struct estimate sides[COMPARE_SIDES])
{
	double doubt = scaling->variance, square = scaling->scale * scaling->scale;

	for (int side = 0; side < COMPARE_SIDES; side++) {
		struct estimate share = sides[side];

		sides[side] = against_others(scaling, share);
		doubt -= relative(&sides[side]) - relative(&share);
	}
	sides[1].mean /= scaling->scale;
	doubt = sides[1].mean * sides[1].mean * fmax(0, doubt);
	sides[1].variance = sides[1].variance / square + doubt;
	sides[1].own_variance = sides[1].own_variance / square + doubt;
}

/* What it was before it was raised to Poisson's. */
static struct estimate own_of(const struct estimate *estimate)
{
	struct estimate own = *estimate;

	if (!(own.own_df > 0))
		return own;
	own.variance = own.own_variance;
	own.df = own.own_df;
	return own;
}

void figures_test(const struct scaling *scaling, struct compare_row *row,
	const struct estimate sides[COMPARE_SIDES], double level)
{
	struct estimate scaled[] = {sides[0], sides[1]}, *before = &scaled[0], *after = &scaled[1];
	struct estimate own[COMPARE_SIDES];
	struct welch welch, own_welch;
	double t, own_t;

	figures_scale(scaling, scaled);
	own[0] = own_of(before);
	own[1] = own_of(after);
	welch = estimate_welch(before, after);
	own_welch = estimate_welch(&own[0], &own[1]);
	t = statistics_t_quantile(0.975, welch.df);
	own_t = statistics_t_quantile(0.975, own_welch.df);
	row->value[0] = before->mean;
	row->value[1] = after->mean;
	/* As sure as the values alone are, and as a Poisson count is: whichever is less sure. */
	if (own_t * own_t * (own[0].variance + own[1].variance) >
		t * t * (before->variance + after->variance))
		interval_make(row, &own[0], &own[1], own_t);
	else
		interval_make(row, before, after, t);
	row->is_unsettled = before->is_unsettled || after->is_unsettled;
	row->detectable = figures_detectable(before, after, level);
	if (!row->is_unsettled && before->df > 0 && after->df > 0)
		row->p = fmax(welch.p, own_welch.p);
}
