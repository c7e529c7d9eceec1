/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The steps: sums of both sides (compare-series), the functions that have samples enough, their means
 * and variances (compare-estimate), names that belong together (compare-fate; then means again), the
 * scale between the sides, tests, and last which of all that seem to have changed are let stand.
 * Invariant: a function that was not tested has the verdict "no evidence", and p is NAN.
 */

#include "proto/profile/compare-fate.h"
#include "proto/profile/compare-figures.h"
#include "proto/profile/compare-scale.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/statistics.h"

/* Of the allowed error, what functions get whatever time they take. */
#define EVEN_PART 0.2
#define ROUNDING 1e-12

static const double power_shares[COMPARE_POWERS] = {0.3, 0.1, 0.03, 0.01};

struct comparing {
	const struct compare_options *options;
	struct series_names names;
	struct series series[COMPARE_SIDES];
	struct estimates estimates;
	uint32_t *functions; /* row -> function */
	int32_t *row_of; /* function -> row, or -1 */
	double n_counted; /* samples of all rows on both sides */
	struct fate fates[FATES_MAX];
	size_t n_fates;
	struct scaling scaling;
	struct comparison *comparison;
};

static void comparing_done(struct comparing *comparing)
{
	series_names_done(&comparing->names);
	series_done(&comparing->series[0]);
	series_done(&comparing->series[1]);
	estimates_done(&comparing->estimates);
	free(comparing->functions);
	free(comparing->row_of);
	comparison_free(comparing->comparison);
}

static double count_of(const struct comparing *comparing, uint32_t function)
{
	return comparing->series[0].counts[function] + comparing->series[1].counts[function];
}

static int function_compare(const void *a, const void *b, void *userdata)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	double difference = count_of(userdata, right) - count_of(userdata, left);

	if (difference != 0)
		return difference > 0 ? 1 : -1;
	return left < right ? -1 : left > right;
}

/* Heaviest first; of batches only so many. */
static int rows_choose(struct comparing *comparing)
{
	size_t n = 0,
	       n_max = comparing->estimates.method == COMPARE_BATCHES ? SERIES_FUNCTIONS_MAX
								      : SIZE_MAX;

	for (uint32_t i = 1; i < comparing->names.texts.n; i++)
		if (count_of(comparing, i) >= COMPARE_COUNT_MIN)
			comparing->functions[n++] = i;
	qsort_r(comparing->functions, n, sizeof(*comparing->functions), function_compare,
		comparing);
	if (n > n_max)
		n = n_max;
	for (size_t i = 0; i < comparing->names.texts.n; i++)
		comparing->row_of[i] = -1;
	comparing->n_counted = 0;
	for (size_t i = 0; i < n; i++) {
		comparing->row_of[comparing->functions[i]] = (int32_t)i;
		comparing->n_counted += count_of(comparing, comparing->functions[i]);
	}
	/* What was joined is counted where it went. */
	for (size_t i = 0; i < comparing->n_fates; i++)
		comparing->row_of[comparing->fates[i].gone] =
			comparing->row_of[comparing->fates[i].into];
	comparing->estimates.n_rows = n;
	return 0;
}

static int cells_make(struct comparing *comparing)
{
	for (int side = 0; side < COMPARE_SIDES; side++) {
		struct series *series = &comparing->series[side];
		int r;

		free(TAKE(series->cells));
		free(TAKE(series->cell_wholes));
		r = series_cells_make(
			series, &comparing->names, comparing->row_of, comparing->estimates.n_rows);
		if (r < 0)
			return r;
	}
	return 0;
}

static int estimate(struct comparing *comparing)
{
	struct estimates *estimates = &comparing->estimates;
	int r = rows_choose(comparing);

	estimates_done(estimates);
	estimates->items = NULL;
	if (r == 0 && estimates->method == COMPARE_BATCHES)
		r = cells_make(comparing);
	return r < 0 ? r : estimates_make(estimates);
}

/*
 * How much of the allowed error a function gets: a fifth of it is shared out evenly, the rest by the
 * time that functions take, for that is where a change matters. The mean of all weights is 1, and the
 * sum of both sides says nothing of their difference, so the rate of false discoveries stays what it
 * is without weights: C. R. Genovese, K. Roeder, L. Wasserman, "False discovery control with p-value
 * weighting", Biometrika 93, 2006.
 */
static double weight_of(double part, double n)
{
	return EVEN_PART + (1 - EVEN_PART) * part * n;
}

/* The p-value that stands alone among all functions; `part` is the function's of the samples of all. */
static double level_of(const struct comparing *comparing, double part)
{
	double n = fmax(1, (double)comparing->estimates.n_rows);

	return fmin(1, comparing->comparison->q * weight_of(part, n) / n);
}

static double part_of(const struct comparing *comparing, size_t row)
{
	return comparing->n_counted > 0
		? count_of(comparing, comparing->functions[row]) / comparing->n_counted
		: 0;
}

static void row_make(struct comparing *comparing, size_t at, struct compare_row *row)
{
	const struct series_names *names = &comparing->names;
	uint32_t function = comparing->functions[at];

	*row = (struct compare_row){.module = names->modules[function],
		.file = names->files[function],
		.line = names->lines[function],
		.p = NAN};
	for (int side = 0; side < COMPARE_SIDES; side++) {
		const struct series *series = &comparing->series[side];
		double value = 0;

		for (size_t i = 0; i < series->n_runs; i++)
			value += series->values[function * series->n_runs + i];
		row->share[side] = series->whole > 0 ? value / series->whole : 0;
		row->n_samples[side] = (int64_t)series->counts[function];
	}
	figures_test(&comparing->scaling, row, &comparing->estimates.items[2 * at],
		level_of(comparing, part_of(comparing, at)));
}

static void fate_say(const struct comparing *comparing, uint32_t function, struct compare_row *row)
{
	const struct intern *texts = &comparing->comparison->names;

	row->name = intern_text(texts, function);
	for (size_t i = 0; i < comparing->n_fates; i++) {
		if (comparing->fates[i].into != function)
			continue;
		row->fate = comparing->fates[i].fate;
		row->other = intern_text(texts, comparing->fates[i].gone);
	}
}

/* What rounding leaves of no change at all is none, so that the order is the same everywhere. */
static double size_of_change(const struct compare_row *row)
{
	double change = fabs(row->value[1] - row->value[0]);

	return change > ROUNDING * fabs(row->value[0]) ? change : 0;
}

static int row_compare(const void *a, const void *b)
{
	const struct compare_row *left = a, *right = b;
	double x = size_of_change(left), y = size_of_change(right);

	if (!left->verdict != !right->verdict)
		return left->verdict ? -1 : 1;
	if (x != y)
		return x > y ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* `whole` is the part that all functions have which are tested. */
static double weighted_p(const struct comparing *comparing, size_t row, double whole)
{
	double part = whole > 0 ? part_of(comparing, row) / whole : 0;

	return comparing->comparison->rows[row].p /
		weight_of(part, (double)comparing->comparison->n_tested);
}

/* Rows and estimates are still in one order. */
static int verdicts_give(const struct comparing *comparing)
{
	struct comparison *comparison = comparing->comparison;
	CLEANUP(freep) double *p = calloc(comparison->n_rows + 1, sizeof(*p));
	double threshold, whole = 0;

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < comparison->n_rows; i++)
		if (!isnan(comparison->rows[i].p)) {
			comparison->n_tested++;
			whole += part_of(comparing, i);
		}
	for (size_t i = 0, n = 0; i < comparison->n_rows; i++)
		if (!isnan(comparison->rows[i].p))
			p[n++] = weighted_p(comparing, i, whole);
	threshold = statistics_bh_threshold(p, comparison->n_tested, comparison->q);
	if (isnan(threshold))
		return -ENOMEM;
	for (size_t i = 0; i < comparison->n_rows; i++) {
		struct compare_row *row = &comparison->rows[i];

		if (isnan(row->p) || weighted_p(comparing, i, whole) > threshold)
			continue;
		row->verdict = row->change > 0 ? COMPARE_SLOWER : COMPARE_FASTER;
		comparison->n_slower += row->verdict == COMPARE_SLOWER;
		comparison->n_faster += row->verdict == COMPARE_FASTER;
	}
	return 0;
}

static double dispersion_median(const struct comparing *comparing)
{
	struct estimate expected = estimate_expected(&comparing->estimates, 0.1, COMPARE_BEFORE);
	double n = comparing->series[0].n_samples;

	return n > 0 && expected.mean > 0
		? expected.variance / (expected.mean * expected.mean) * 0.1 * n
		: 1;
}

static void whole_make(struct comparing *comparing)
{
	struct comparison *comparison = comparing->comparison;
	const struct estimate sides[] = {estimate_whole(&comparing->estimates, COMPARE_BEFORE),
		estimate_whole(&comparing->estimates, COMPARE_AFTER)};
	struct compare_row *row = &comparison->whole;

	*row = (struct compare_row){.name = "the whole",
		.module = "",
		.file = "",
		.p = NAN,
		.share = {1, 1},
		.n_samples = {comparison->n_samples[0], comparison->n_samples[1]}};
	/* Shares add up to one: their whole cannot change. */
	if (comparison->mode == COMPARE_SHARES) {
		row->value[0] = row->value[1] = 1;
		row->change = row->low = row->high = row->detectable = NAN;
		return;
	}
	/* One test of its own, as sure as those of all functions together: half of what either may call
	 * wrongly is slower, so that both together say so of an unchanged program with q at most. */
	figures_test(&comparing->scaling, row, sides, comparison->q);
	if (!isnan(row->p) && row->p <= comparison->q)
		row->verdict = row->change > 0 ? COMPARE_SLOWER : COMPARE_FASTER;
}

static int comparison_fill(struct comparing *comparing)
{
	struct comparison *comparison = comparing->comparison;
	const struct estimates *estimates = &comparing->estimates;
	int r;

	comparison->names = comparing->names.texts;
	comparing->names.texts = (struct intern){0};
	comparison->normalizer = comparing->scaling.scale;
	comparison->rows = calloc(estimates->n_rows + 1, sizeof(*comparison->rows));
	if (!comparison->rows)
		return -ENOMEM;
	comparison->n_rows = estimates->n_rows;
	for (size_t i = 0; i < estimates->n_rows; i++) {
		row_make(comparing, i, &comparison->rows[i]);
		fate_say(comparing, comparing->functions[i], &comparison->rows[i]);
	}
	whole_make(comparing);
	r = verdicts_give(comparing);
	if (r < 0)
		return r;
	qsort(comparison->rows, comparison->n_rows, sizeof(*comparison->rows), row_compare);
	comparison->dispersion = dispersion_median(comparing);
	for (size_t i = 0; i < COMPARE_POWERS; i++) {
		double share = power_shares[i], level = level_of(comparing, share);
		struct estimate sides[] = {estimate_expected(estimates, share, 0),
			estimate_expected(estimates, share, 1)};

		figures_scale(&comparing->scaling, sides);
		comparison->powers[i] = (struct compare_power){
			share, figures_detectable(&sides[0], &sides[1], level)};
	}
	return 0;
}

static int impossible(struct profile_error *error, const char *why)
{
	snprintf(error->text, sizeof(error->text), "%s", why);
	return COMPARE_IMPOSSIBLE;
}

/* 0 or COMPARE_IMPOSSIBLE. */
static int mode_choose(struct comparing *comparing, struct profile_error *error)
{
	const struct series *before = &comparing->series[0], *after = &comparing->series[1];
	struct estimates *estimates = &comparing->estimates;
	enum compare_mode mode = comparing->options->mode;
	bool has_seconds = before->has_times;
	bool has_runs = before->n_runs > 1 && after->n_runs > 1;

	for (int side = 0; side < COMPARE_SIDES; side++)
		for (size_t i = 0; i < comparing->series[side].n_runs; i++)
			has_seconds &= comparing->series[side].seconds[i] > 0;
	if (!(before->whole > 0) || !(after->whole > 0))
		return impossible(error,
			before->whole > 0 ? "the second side has no samples"
					  : "the first side has no samples");
	if (mode == COMPARE_AUTO)
		mode = has_runs && before->has_work && after->has_work ? COMPARE_WORK
								       : COMPARE_SHARES;
	if (mode == COMPARE_WORK && !(has_runs && before->has_work && after->has_work))
		return impossible(
			error, "CPU time per run needs several runs of a command on both sides");
	if (mode == COMPARE_ABSOLUTE && !has_seconds)
		return impossible(error, "a side does not say how long it was recorded");
	estimates->mode = comparing->scaling.mode = mode;
	estimates->method = has_runs ? COMPARE_RUNS : COMPARE_BATCHES;
	return 0;
}

static void comparison_begin(struct comparing *comparing)
{
	struct comparison *comparison = comparing->comparison;

	comparison->mode = comparing->estimates.mode;
	comparison->method = comparing->estimates.method;
	comparison->q = comparing->options->q > 0 ? comparing->options->q : COMPARE_Q;
	for (int side = 0; side < COMPARE_SIDES; side++) {
		const struct series *series = &comparing->series[side];

		comparison->n_runs[side] = series->n_runs;
		comparison->n_samples[side] = (int64_t)series->n_samples;
		for (size_t i = 0; i < series->n_runs; i++)
			comparison->seconds[side] += series->seconds[i];
	}
}

static int compare(struct comparing *comparing)
{
	int r = estimate(comparing);

	/* Who calls whom changes totals in other ways. */
	if (r == 0 && !comparing->options->is_total)
		r = fates_find(&comparing->estimates, &comparing->names, comparing->fates,
			&comparing->n_fates);
	for (size_t i = 0; r == 0 && i < comparing->n_fates; i++)
		fate_join(comparing->series, &comparing->fates[i]);
	if (r == 0 && comparing->n_fates)
		r = estimate(comparing);
	if (r == 0 && comparing->estimates.mode == COMPARE_SHARES)
		r = scale_find(&comparing->estimates, &comparing->scaling.scale,
			&comparing->scaling.variance);
	return r < 0 ? r : comparison_fill(comparing);
}

int comparison_new(const struct compare_side sides[COMPARE_SIDES],
	const struct compare_options *options, struct comparison **ret_comparison,
	struct profile_error *error)
{
	static const struct compare_options defaults = {0};
	CLEANUP(comparing_done)
	struct comparing comparing = {.options = options ? options : &defaults, .scaling.scale = 1};
	int r = series_make(sides, comparing.options->is_total, &comparing.names, comparing.series);

	if (r < 0)
		return r;
	comparing.comparison = calloc(1, sizeof(*comparing.comparison));
	comparing.functions = calloc(comparing.names.texts.n, sizeof(*comparing.functions));
	comparing.row_of = calloc(comparing.names.texts.n, sizeof(*comparing.row_of));
	if (!comparing.comparison || !comparing.functions || !comparing.row_of)
		return -ENOMEM;
	comparing.estimates.series = comparing.series;
	comparing.estimates.functions = comparing.functions;
	r = mode_choose(&comparing, error);
	if (r != 0)
		return r;
	comparison_begin(&comparing);
	r = compare(&comparing);
	if (r < 0)
		return r;
	*ret_comparison = TAKE(comparing.comparison);
	return 0;
}

struct comparison *comparison_free(struct comparison *comparison)
{
	if (!comparison)
		return NULL;
	free(comparison->rows);
	intern_done(&comparison->names);
	free(comparison);
	return NULL;
}

void comparison_freep(struct comparison **comparison)
{
	*comparison = comparison_free(*comparison);
}

const struct compare_row *comparison_find_regression(
	const struct comparison *comparison, double threshold, double min_share)
{
	if (comparison->whole.verdict == COMPARE_SLOWER && comparison->whole.low > threshold)
		return &comparison->whole;
	for (size_t i = 0; i < comparison->n_rows; i++) {
		const struct compare_row *row = &comparison->rows[i];

		if (row->verdict == COMPARE_SLOWER && row->low > threshold &&
			fmax(row->share[0], row->share[1]) >= min_share)
			return row;
	}
	return NULL;
}
