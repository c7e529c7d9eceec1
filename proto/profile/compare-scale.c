/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Shares add up to one: when one function slows down, all others lose share. The scale's logarithm is
 * near the median of the functions' log-ratios, which no single function can move far; from there, the
 * mean of those that agree with it, which is surer than a median.
 */

#include "proto/profile/compare-scale.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/profile/statistics.h"

/* No single function sets the scale of all others alone, not even where there are few. */
#define WEIGHT_MAX 0.5
/* Below so many functions on both sides there is no median to speak of. */
#define MEDIAN_MIN 3
#define BEYOND 2.5 /* standard errors */
#define ROUNDS 5

struct ratios {
	double *logs, *variances, *weights;
	size_t n;
};

static void ratios_done(struct ratios *ratios)
{
	free(ratios->logs);
	free(ratios->variances);
	free(ratios->weights);
}

/* Functions that are on both sides. */
static int ratios_make(const struct estimates *estimates, struct ratios *ratios)
{
	ratios->logs = calloc(estimates->n_rows + 1, sizeof(double));
	ratios->variances = calloc(estimates->n_rows + 1, sizeof(double));
	ratios->weights = calloc(estimates->n_rows + 1, sizeof(double));
	if (!ratios->logs || !ratios->variances || !ratios->weights)
		return -ENOMEM;
	for (size_t row = 0; row < estimates->n_rows; row++) {
		const struct estimate *before = &estimates->items[2 * row];
		const struct estimate *after = &estimates->items[2 * row + 1];
		size_t at = ratios->n;

		if (!(before->mean > 0) || !(after->mean > 0))
			continue;
		ratios->logs[at] = log(after->mean / before->mean);
		ratios->variances[at] = before->variance / before->mean / before->mean +
			after->variance / after->mean / after->mean;
		ratios->n += ratios->variances[at] > 0;
	}
	return 0;
}

/* By their certainty, but those beyond the others are left out, and none outweighs the rest. */
static void weights_make(struct ratios *ratios, double centre)
{
	double sum = 0;

	for (size_t i = 0; i < ratios->n; i++) {
		double apart = fabs(ratios->logs[i] - centre);
		bool is_beyond = apart > BEYOND * sqrt(ratios->variances[i]);

		ratios->weights[i] = is_beyond ? 0 : 1 / ratios->variances[i];
		sum += ratios->weights[i];
	}
	for (size_t i = 0; i < ratios->n; i++)
		ratios->weights[i] = fmin(ratios->weights[i], WEIGHT_MAX * sum);
}

int scale_find(const struct estimates *estimates, double *ret_scale, double *ret_variance)
{
	CLEANUP(ratios_done) struct ratios ratios = {0};
	double centre, variance = 0;
	int r = ratios_make(estimates, &ratios);

	if (r < 0 || ratios.n < MEDIAN_MIN)
		return r;
	for (size_t i = 0; i < ratios.n; i++)
		ratios.weights[i] = 1 / sqrt(ratios.variances[i]);
	centre = statistics_median(ratios.logs, ratios.weights, ratios.n);
	if (isnan(centre))
		return -ENOMEM;
	for (int round = 0; round < ROUNDS; round++) {
		double mean = 0, sum = 0, squares = 0;

		weights_make(&ratios, centre);
		for (size_t i = 0; i < ratios.n; i++) {
			mean += ratios.weights[i] * ratios.logs[i];
			sum += ratios.weights[i];
			squares += ratios.weights[i] * ratios.weights[i] * ratios.variances[i];
		}
		if (!(sum > 0))
			break;
		centre = mean / sum;
		variance = squares / (sum * sum);
	}
	*ret_scale = exp(centre);
	*ret_variance = variance;
	return 0;
}
