/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * G. K. Smyth's empirical Bayes ("Linear models and empirical Bayes methods for assessing differential
 * expression in microarray experiments", Stat. Appl. Genet. Mol. Biol. 3, 2004, section 6.2), on
 * variances in units of Poisson's, which grow with the count as those of a negative binomial do: a cost
 * that differs from run to run by some per cent is many standard errors of a large function, and none
 * of a small one.
 *
 * Some functions differ from run to run by far more than the others do: those that wait for memory that
 * all share. Shrunk towards the others they would seem surer than they are, and in the fit they would
 * make all others seem less sure. So the trend is worth the less to a function the less it can be one
 * of the others, and those that surely are not have no part in the fit: B. Phipson, S. Lee, I. J.
 * Majewski, W. S. Alexander, G. K. Smyth, "Robust hyperparameter estimation protects against
 * hypervariable genes and improves power to detect differential expression", Ann. Appl. Stat. 10, 2016.
 * Here it goes both ways: what only computes takes the same time in each run to a per cent, and does
 * not owe the doubt that there is about the others.
 */

#include "proto/profile/compare-shrink.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/profile/statistics.h"

/* Below so many functions there is nothing to shrink to. */
#define SHRINK_MIN 4
#define TREND_ROUNDS 20
#define FIT_ROUNDS 3
/* What is one of the others with less than that has no part in the fit. */
#define OUTSIDE 0.1
#define LARGE_DISPERSION 2

double shrinkage_trend(const struct shrinkage *shrinkage, double count)
{
	return shrinkage->level * (1 + shrinkage->slope * count);
}

struct fit {
	const struct scatter *points;
	size_t n;
	const double *weights;
};

static bool is_inside(const struct fit *fit, size_t i)
{
	return fit->weights[i] >= OUTSIDE;
}

/*
 * Least squares of 1 + slope * count, each point weighted by the variance that a chi-squared estimate
 * has where the line is, which moves as the line does.
 */
static void trend_fit(struct shrinkage *shrinkage, const struct fit *fit)
{
	double slope = 0;

	for (int round = 0; round < TREND_ROUNDS; round++) {
		double up = 0, down = 0;

		for (size_t i = 0; i < fit->n; i++) {
			double count = fit->points[i].count, line = 1 + slope * count;

			if (!is_inside(fit, i))
				continue;
			up += count * (fit->points[i].dispersion - 1) / (line * line);
			down += count * count / (line * line);
		}
		slope = down > 0 ? fmax(0, up / down) : 0;
	}
	shrinkage->slope = slope;
	shrinkage->level = 1;
}

/* Smyth's moments: what scatters about the trend more than chi-squared of df does is the prior's. */
static void prior_fit(struct shrinkage *shrinkage, const struct fit *fit)
{
	double df = shrinkage->df, mean = 0, squares = 0, n = 0, excess;

	trend_fit(shrinkage, fit);
	for (size_t i = 0; i < fit->n; i++) {
		double away = log(fit->points[i].dispersion /
			shrinkage_trend(shrinkage, fit->points[i].count));

		if (!is_inside(fit, i))
			continue;
		mean += away;
		squares += away * away;
		n++;
	}
	mean /= n;
	excess = (squares - n * mean * mean) / (n - 1) - statistics_trigamma(df / 2);
	shrinkage->prior_df = fmin(2 * statistics_trigamma_inverse(excess), df * n);
	/* The mean of the logarithm is not the logarithm of the mean. */
	mean -= statistics_digamma(df / 2) - log(df / 2);
	mean += statistics_digamma(shrinkage->prior_df / 2) - log(shrinkage->prior_df / 2);
	shrinkage->level = exp(mean);
}

struct tail {
	double p;
	size_t row;
};

static int tail_compare(const void *a, const void *b)
{
	const struct tail *left = a, *right = b;

	if (left->p != right->p)
		return left->p < right->p ? -1 : 1;
	return left->row < right->row ? -1 : left->row > right->row;
}

/* The chance of being as far from the trend, on either side. Less than Poisson's is not far. */
static double tail_of(const struct shrinkage *shrinkage, const struct scatter *point)
{
	double trend = shrinkage_trend(shrinkage, point->count);
	double above = statistics_f_tail(
		point->dispersion / trend, shrinkage->df, shrinkage->prior_df);
	double below = 1 -
		statistics_f_tail(
			fmax(1, point->dispersion) / trend, shrinkage->df, shrinkage->prior_df);

	return fmin(1, 2 * fmin(above, below));
}

/*
 * How far each function is one of the others: the chance of being as far from the trend as it is,
 * against that which the one in its place has by itself, the first among n being beyond 1 - 1/2n. The
 * others are those of its kind: large ones, which differ from run to run by more than counting does,
 * or small ones, of which that cannot be seen.
 */
static void weights_make(const struct shrinkage *shrinkage, const struct fit *fit,
	struct tail *tails, double *weights, bool is_large)
{
	double most = 0;
	size_t n = 0;

	for (size_t i = 0; i < fit->n; i++)
		if (is_large ==
			(shrinkage_trend(shrinkage, fit->points[i].count) > LARGE_DISPERSION))
			tails[n++] = (struct tail){tail_of(shrinkage, &fit->points[i]), i};
	qsort(tails, n, sizeof(*tails), tail_compare);
	for (size_t i = 0; i < n; i++) {
		most = fmax(most, fmin(1, tails[i].p * (double)n / ((double)i + 0.5)));
		weights[tails[i].row] = most;
	}
}

int shrinkage_fit(struct shrinkage *shrinkage, const struct scatter *points, size_t n)
{
	CLEANUP(freep) struct tail *tails = calloc(n + 1, sizeof(*tails));
	CLEANUP(freep) double *weights = calloc(n + 1, sizeof(*weights));
	const struct fit fit = {.points = points, .n = n, .weights = weights};

	if (!tails || !weights)
		return -ENOMEM;
	shrinkage->level = 1;
	shrinkage->slope = shrinkage->prior_df = 0;
	for (size_t i = 0; i < n; i++)
		weights[i] = 1;
	for (int round = 0; n >= SHRINK_MIN && round < FIT_ROUNDS; round++) {
		prior_fit(shrinkage, &fit);
		weights_make(shrinkage, &fit, tails, weights, false);
		weights_make(shrinkage, &fit, tails, weights, true);
	}
	free(shrinkage->weights);
	shrinkage->weights = TAKE(weights);
	return 0;
}

void shrinkage_done(struct shrinkage *shrinkage)
{
	free(shrinkage->weights);
	*shrinkage = (struct shrinkage){.level = 1};
}
