/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * By runs, a function's variance from five values is worth little alone, so it is shrunk towards what
 * functions of that many samples have (compare-shrink).
 *
 * By batches, the share is a ratio of sums over batches of time (A. M. Law, "Simulation Modeling and
 * Analysis", on batch means and ratio estimators). Batches are doubled until neighbours do not go
 * together any more, since only then their scatter tells the variance of the mean.
 *
 * No estimate is ever more certain than a Poisson count of as many samples, for it is by chance that a
 * few values lie close together.
 */

#include "proto/profile/compare-estimate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/profile/statistics.h"

#define BATCHES_MIN 8
/* Of the variance by the last doubling, over all functions. */
#define GROWTH_MAX 1.1
/* Chance alone makes the scatter of five values as small as this part of what it should be once in
 * some thousand times: less is no information. */
#define DISPERSION_MIN 0.01

static double unit_of(const struct series *series, enum compare_mode mode, size_t run)
{
	switch (mode) {
	case COMPARE_SHARES:
		return series->wholes[run];
	case COMPARE_ABSOLUTE:
		return series->seconds[run];
	default:
		return 1;
	}
}

static double in_unit(double value, double unit)
{
	return unit > 0 ? value / unit : 0;
}

/* Mean and variance of the mean of n values. */
static struct estimate mean_of(const double *values, size_t n)
{
	struct estimate result = {.df = (double)n - 1};
	double squares = 0;

	for (size_t i = 0; i < n; i++)
		result.mean += values[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (values[i] - result.mean) * (values[i] - result.mean);
	if (n > 1)
		result.variance = squares / ((double)n - 1) / (double)n;
	return result;
}

static int runs_estimate(const struct estimates *estimates, int side, uint32_t function,
	struct estimate *ret_estimate)
{
	const struct series *series = &estimates->series[side];
	CLEANUP(freep) double *values = calloc(series->n_runs, sizeof(*values));

	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < series->n_runs; i++)
		values[i] = in_unit(series->values[function * series->n_runs + i],
			unit_of(series, estimates->mode, i));
	*ret_estimate = mean_of(values, series->n_runs);
	return 0;
}

/* What the mean of all runs is in the mode's unit, were one function all there is. */
static double whole_mean(const struct estimates *estimates, int side)
{
	const struct series *series = &estimates->series[side];
	double sum = 0, units = 0;

	for (size_t i = 0; i < series->n_runs; i++) {
		if (estimates->method == COMPARE_RUNS) {
			sum += in_unit(series->wholes[i], unit_of(series, estimates->mode, i)) /
				(double)series->n_runs;
			continue;
		}
		sum += series->wholes[i];
		units += unit_of(series, estimates->mode, i);
	}
	return estimates->method == COMPARE_RUNS ? sum : in_unit(sum, units);
}

/*
 * The variance of the mean of a count that has what both sides have together; of a share the
 * binomial's, for the whole has the function in it.
 */
static double poisson_variance(const struct estimates *estimates, int side, double pooled_share)
{
	double whole = whole_mean(estimates, side), n = estimates->series[side].n_samples;
	double rest = estimates->mode == COMPARE_SHARES ? fmax(0, 1 - pooled_share) : 1;

	return n > 0 ? whole * whole * pooled_share * rest / n : 0;
}

static double pooled_share(const struct estimates *estimates, uint32_t function)
{
	const struct series *series = estimates->series;
	double n = series[0].n_samples + series[1].n_samples;

	return n > 0 ? (series[0].counts[function] + series[1].counts[function]) / n : 0;
}

static double expected_count(const struct estimates *estimates, int side, double share)
{
	return fmax(1, share * estimates->series[side].n_samples);
}

/* What it scatters in units of Poisson's. */
static double dispersion_of(const struct estimates *estimates, size_t row, int side)
{
	double share = pooled_share(estimates, estimates->functions[row]);
	double poisson = poisson_variance(estimates, side, share);

	return poisson > 0
		? fmax(DISPERSION_MIN, estimates->items[2 * row + (size_t)side].variance / poisson)
		: 1;
}

static int shrinkage_make(struct estimates *estimates)
{
	CLEANUP(freep) struct scatter *points = calloc(estimates->n_rows + 1, sizeof(*points));
	struct shrinkage *shrinkage = &estimates->shrinkage;

	if (!points)
		return -ENOMEM;
	shrinkage->df = (double)(estimates->series[0].n_runs + estimates->series[1].n_runs - 2);
	for (size_t i = 0; i < estimates->n_rows; i++) {
		double share = pooled_share(estimates, estimates->functions[i]);

		for (int side = 0; side < COMPARE_SIDES; side++) {
			double df = (double)estimates->series[side].n_runs - 1;

			points[i].count += expected_count(estimates, side, share) / 2;
			points[i].dispersion += dispersion_of(estimates, i, side) * df /
				shrinkage->df;
		}
	}
	return shrinkage_fit(shrinkage, points, estimates->n_rows);
}

/* Towards the trend, and not below Poisson. */
static void settle(struct estimates *estimates, size_t row, int side)
{
	struct estimate *estimate = &estimates->items[2 * row + (size_t)side];
	const struct shrinkage *shrinkage = &estimates->shrinkage;
	double share = pooled_share(estimates, estimates->functions[row]);
	double poisson = poisson_variance(estimates, side, share);

	if (estimates->method == COMPARE_RUNS && poisson > 0) {
		double prior_df = shrinkage->prior_df * shrinkage->weights[row];
		double prior = shrinkage_trend(shrinkage, expected_count(estimates, side, share));

		estimate->variance = poisson *
			(prior_df * prior + estimate->df * dispersion_of(estimates, row, side)) /
			(prior_df + estimate->df);
		estimate->df += prior_df;
	}
	if (estimate->variance >= poisson)
		return;
	if (estimates->method == COMPARE_RUNS) {
		estimate->own_variance = estimate->variance;
		estimate->own_df = estimate->df;
		estimate->df = INFINITY;
	}
	estimate->variance = poisson;
}

struct batches {
	const double *values, *units; /* units NULL: all batches are alike */
	size_t n;
	double floor; /* no variance is below: a Poisson count's */
};

/* The ratio of the sums with its variance, in batches of `size` cells; those of no unit are left
 * out. */
static struct estimate ratio_of(const struct batches *cells, size_t size)
{
	struct estimate result = {0};
	double values = 0, units = 0, squares = 0;
	size_t n = 0;

	for (size_t i = 0; i < cells->n; i++) {
		values += cells->values[i];
		units += cells->units ? cells->units[i] : 1;
	}
	result.mean = in_unit(values, units);
	for (size_t i = 0; i + size <= cells->n; i += size) {
		double value = 0, unit = 0;

		for (size_t j = i; j < i + size; j++) {
			value += cells->values[j];
			unit += cells->units ? cells->units[j] : 1;
		}
		squares += (value - result.mean * unit) * (value - result.mean * unit);
		n += unit > 0;
	}
	result.df = (double)n - 1;
	if (n > 1)
		result.variance = squares * (double)n / ((double)n - 1) / (units * units);
	result.variance = fmax(result.variance, cells->floor);
	return result;
}

/*
 * If batches are independent, twice as large ones give the same variance; they give 1 + r times as much
 * where neighbours correlate by r, whose own standard error is 1/sqrt(n). *ret_growth is what the last
 * doubling did.
 */
static struct estimate batches_estimate(const struct batches *cells, double *ret_growth)
{
	struct estimate estimate = ratio_of(cells, 1), doubled = estimate;
	bool is_settled = false;

	/* Where samples have no times nothing is known to swing, nor is anything tested: df is 0. */
	estimate.is_unsettled = cells->n > 1;
	*ret_growth = INFINITY;
	for (size_t size = 2;; size *= 2) {
		double last = doubled.variance;

		doubled = ratio_of(cells, size);
		if (doubled.df + 1 < BATCHES_MIN)
			return estimate;
		*ret_growth = last > 0 ? doubled.variance / last : 1;
		is_settled |= doubled.variance <=
			estimate.variance * (1 + 1 / sqrt(estimate.df + 1));
		if (!is_settled || doubled.variance > estimate.variance)
			estimate = doubled;
		estimate.is_unsettled = !is_settled;
	}
}

static double cells_estimate(struct estimates *estimates, size_t row, int side)
{
	const struct series *series = &estimates->series[side];
	bool has_units = estimates->mode == COMPARE_SHARES;
	/* A batch without a unit is one of time. */
	double growth, unit = has_units ? 1 : series->cell_seconds;
	struct batches cells = {.values = series->cells + row * series->n_cells,
		.units = has_units ? series->cell_wholes : NULL,
		.n = series->n_cells};
	struct estimate estimate;

	cells.floor = unit * unit *
		poisson_variance(
			estimates, side, pooled_share(estimates, estimates->functions[row]));
	estimate = batches_estimate(&cells, &growth);
	estimate.mean /= unit;
	estimate.variance /= unit * unit;
	estimates->items[2 * row + (size_t)side] = estimate;
	return growth;
}

/*
 * One function's variance is too unsure to tell whether it still grows; all together tell. If it does,
 * the program changes more slowly than the recording is long, and nothing is settled.
 */
static void side_estimate(struct estimates *estimates, int side)
{
	double sum = 0, weights = 0;

	for (size_t row = 0; row < estimates->n_rows; row++) {
		double growth = cells_estimate(estimates, row, side);
		double weight = sqrt(estimates->series[side].counts[estimates->functions[row]]);

		if (!isfinite(growth))
			continue;
		sum += weight * growth;
		weights += weight;
	}
	for (size_t row = 0; row < estimates->n_rows && sum > GROWTH_MAX * weights; row++)
		estimates->items[2 * row + (size_t)side].is_unsettled = true;
}

/* By batches; each function counts as much as is known of it. */
static int dispersion_make(struct estimates *estimates)
{
	size_t n = 2 * estimates->n_rows;
	CLEANUP(freep) double *values = calloc(3 * n + 1, sizeof(*values));
	double *dfs = values + n, *weights = dfs + n;

	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint32_t function = estimates->functions[i / 2];

		values[i] = dispersion_of(estimates, i / 2, i % 2);
		dfs[i] = estimates->items[i].df;
		weights[i] = sqrt(estimates->series[i % 2].counts[function]);
	}
	estimates->dispersion = statistics_median(values, weights, n);
	estimates->df = statistics_median(dfs, weights, n);
	return n && (isnan(estimates->dispersion) || isnan(estimates->df)) ? -ENOMEM : 0;
}

int estimates_make(struct estimates *estimates)
{
	int r;

	estimates->items = calloc(2 * estimates->n_rows + 1, sizeof(*estimates->items));
	if (!estimates->items)
		return -ENOMEM;
	for (int side = 0; estimates->method == COMPARE_BATCHES && side < COMPARE_SIDES; side++)
		side_estimate(estimates, side);
	for (size_t i = 0; estimates->method == COMPARE_RUNS && i < 2 * estimates->n_rows; i++) {
		r = runs_estimate(
			estimates, i % 2, estimates->functions[i / 2], &estimates->items[i]);
		if (r < 0)
			return r;
	}
	if (estimates->method == COMPARE_RUNS) {
		r = shrinkage_make(estimates);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < 2 * estimates->n_rows; i++)
		settle(estimates, i / 2, i % 2);
	return estimates->method == COMPARE_BATCHES ? dispersion_make(estimates) : 0;
}

void estimates_done(struct estimates *estimates)
{
	free(estimates->items);
	shrinkage_done(&estimates->shrinkage);
}

struct estimate estimate_expected(const struct estimates *estimates, double share, int side)
{
	const struct series *series = &estimates->series[side];
	double poisson = poisson_variance(estimates, side, share);
	double dispersion = estimates->method == COMPARE_RUNS
		? shrinkage_trend(&estimates->shrinkage, expected_count(estimates, side, share))
		: estimates->dispersion;

	return (struct estimate){
		.mean = whole_mean(estimates, side) * share,
		.variance = poisson * fmax(1, dispersion),
		.df = estimates->method == COMPARE_RUNS
			? (double)series->n_runs - 1 + estimates->shrinkage.prior_df
			: estimates->df,
	};
}

struct estimate estimate_whole(const struct estimates *estimates, int side)
{
	const struct series *series = &estimates->series[side];
	CLEANUP(freep) double *values = calloc(series->n_runs, sizeof(*values));
	struct batches cells = {.values = series->cell_wholes, .n = series->n_cells};
	struct estimate estimate;
	double growth;

	if (!values || estimates->mode == COMPARE_SHARES)
		return (struct estimate){.mean = 1};
	if (estimates->method == COMPARE_BATCHES) {
		estimate = batches_estimate(&cells, &growth);
		estimate.mean /= series->cell_seconds;
		estimate.variance /= series->cell_seconds * series->cell_seconds;
		return estimate;
	}
	for (size_t i = 0; i < series->n_runs; i++)
		values[i] = estimates->mode == COMPARE_WORK && series->has_work
			? series->work[i]
			: in_unit(series->wholes[i], unit_of(series, estimates->mode, i));
	return mean_of(values, series->n_runs);
}

struct welch estimate_welch(const struct estimate *before, const struct estimate *after)
{
	double a = before->variance, b = after->variance, sum = a + b;
	struct welch result = {.p = 1, .df = 1};

	if (!(sum > 0) || !(before->df > 0) || !(after->df > 0))
		return result;
	result.t = (after->mean - before->mean) / sqrt(sum);
	/* B. L. Welch, "The generalization of 'Student's' problem", Biometrika 34, 1947. */
	result.df = sum * sum / (a * a / before->df + b * b / after->df);
	result.p = statistics_t_tail(result.t, result.df);
	return result;
}
