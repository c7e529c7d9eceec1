/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Profiles into numbers: each sample is added to its function and to its run. Runs of several profiles,
 * and those within one, are numbered on. Times and not counts are added where there are any, so that
 * rates may differ.
 */

#include "proto/profile/compare-series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"

#define SLICE_SECONDS (PROFILE_SLICE_MS / 1e3)

static double value_of(const struct series *series, const struct view *view, size_t sample)
{
	const struct profile *profile = view->profile;
	int64_t value = profile_value(profile, sample, series->has_times ? (size_t)view->times : 0);

	if (value <= 0)
		return 0;
	return series->has_times ? (double)value / 1e9 : (double)value;
}

static size_t n_runs_of(const struct profile *profile)
{
	return profile->n_runs ? profile->n_runs : 1;
}

/* The last run that began before. */
static size_t run_of(const struct profile *profile, uint32_t slice)
{
	size_t run = 0;

	while (run + 1 < profile->n_runs && profile->runs[run + 1].first_slice <= slice)
		run++;
	return run;
}

/* The functions that a sample counts for: its leaf, or all on its stack, each once. */
static size_t sample_find(
	const struct series *series, const struct view *view, struct view_walk *walk, size_t sample)
{
	if (series->is_total)
		return view_find(view, walk, sample);
	walk->found[0] = view->leaves[sample];
	return walk->found[0] != 0;
}

static void view_sum(
	struct series *series, const struct view *view, struct view_walk *walk, size_t first_run)
{
	const struct profile *profile = view->profile;

	for (size_t i = 0; i < profile->n_samples; i++) {
		const struct profile_sample *sample = &profile->samples[i];
		double value = value_of(series, view, i);
		double count = fmax(0, (double)profile_value(profile, i, 0));
		size_t run = first_run + run_of(profile, sample->slice), n;

		if (!(value > 0))
			continue;
		series->wholes[run] += value;
		series->n_samples += count;
		n = sample_find(series, view, walk, i);
		for (size_t j = 0; j < n; j++) {
			series->values[walk->found[j] * series->n_runs + run] += value;
			series->counts[walk->found[j]] += count;
		}
	}
}

static void runs_measure(struct series *series, const struct profile *profile, size_t first_run)
{
	for (size_t i = 0; i < n_runs_of(profile); i++) {
		double *seconds = &series->seconds[first_run + i];
		const struct profile_run *run = profile->runs + i;

		*seconds = (double)profile->conditions.duration_ns / 1e9;
		if (!profile->n_runs || !profile->conditions.command) {
			series->has_work = false;
			continue;
		}
		*seconds = (double)run->n_slices * SLICE_SECONDS;
		series->work[first_run + i] = (double)(run->user_ns + run->system_ns) / 1e9;
		series->has_work &= series->work[first_run + i] > 0;
	}
}

static int series_init(struct series *series, const struct series_names *names)
{
	const struct compare_side *side = series->side;

	for (size_t i = 0; i < side->n; i++)
		series->n_runs += n_runs_of(side->profiles[i]);
	series->n_functions = names->texts.n;
	series->values = calloc(series->n_functions * series->n_runs, sizeof(double));
	series->counts = calloc(series->n_functions, sizeof(double));
	series->wholes = calloc(series->n_runs, sizeof(double));
	series->seconds = calloc(series->n_runs, sizeof(double));
	series->work = calloc(series->n_runs, sizeof(double));
	series->has_work = true;
	if (!series->values || !series->counts || !series->wholes || !series->seconds ||
		!series->work)
		return -ENOMEM;
	return 0;
}

static int series_sum(struct series *series, const struct series_names *names)
{
	CLEANUP(view_walk_done) struct view_walk walk = {0};
	size_t first_run = 0;
	int r = series_init(series, names);

	if (r == 0)
		r = view_walk_init(&walk, names);
	for (size_t i = 0; r == 0 && i < series->side->n; i++) {
		view_sum(series, &series->views[i], &walk, first_run);
		runs_measure(series, series->side->profiles[i], first_run);
		first_run += n_runs_of(series->side->profiles[i]);
	}
	for (size_t i = 0; r == 0 && i < series->n_runs; i++)
		series->whole += series->wholes[i];
	return r;
}

int series_make(const struct compare_side sides[COMPARE_SIDES], bool is_total,
	struct series_names *names, struct series series[COMPARE_SIDES])
{
	bool has_times = true;
	int r = series_names_init(names, sides);

	/* All names first, for the arrays are as long as the numbering. */
	for (int side = 0; r == 0 && side < COMPARE_SIDES; side++) {
		series[side] = (struct series){.side = &sides[side], .is_total = is_total};
		series[side].views = calloc(sides[side].n + 1, sizeof(*series[side].views));
		if (!series[side].views)
			return -ENOMEM;
		for (size_t i = 0; r == 0 && i < sides[side].n; i++) {
			r = view_init(&series[side].views[i], sides[side].profiles[i], names);
			has_times &= series[side].views[i].times >= 0;
		}
	}
	for (int side = 0; r == 0 && side < COMPARE_SIDES; side++) {
		series[side].has_times = has_times;
		r = series_sum(&series[side], names);
	}
	return r;
}

/* Whole slices that were recorded, and all with samples. */
static size_t n_slices_of(const struct profile *profile)
{
	size_t n = (size_t)((double)profile->conditions.duration_ns / 1e9 / SLICE_SECONDS);

	if (profile->n_runs)
		n = 0;

	for (size_t i = 0; i < profile->n_samples; i++)
		if (profile->samples[i].slice >= n)
			n = (size_t)profile->samples[i].slice + 1;
	return n;
}

static void view_cut(struct series *series, const struct view *view, struct view_walk *walk,
	const int32_t *row_of, const size_t place[2])
{
	const struct profile *profile = view->profile;

	for (size_t i = 0; i < profile->n_samples; i++) {
		size_t cell = (place[0] + profile->samples[i].slice) / place[1];
		double value = value_of(series, view, i);
		size_t n = value > 0 ? sample_find(series, view, walk, i) : 0;

		series->cell_wholes[cell] += value;
		for (size_t j = 0; j < n; j++) {
			int32_t row = row_of[walk->found[j]];

			if (row >= 0)
				series->cells[(size_t)row * series->n_cells + cell] += value;
		}
	}
}

int series_cells_make(struct series *series, const struct series_names *names,
	const int32_t *row_of, size_t n_rows)
{
	CLEANUP(view_walk_done) struct view_walk walk = {0};
	size_t n_slices = 0, place[2] = {0, 0}; /* the first slice, and how many are a cell */
	int r = view_walk_init(&walk, names);

	for (size_t i = 0; i < series->side->n; i++)
		n_slices += n_slices_of(series->side->profiles[i]);
	place[1] = n_slices / SERIES_CELLS_MAX + 1;
	series->n_cells = n_slices ? (n_slices + place[1] - 1) / place[1] : 1;
	series->cell_seconds = (double)place[1] * SLICE_SECONDS;
	series->cells = calloc(n_rows * series->n_cells + 1, sizeof(double));
	series->cell_wholes = calloc(series->n_cells, sizeof(double));
	if (r < 0 || !series->cells || !series->cell_wholes)
		return -ENOMEM;
	for (size_t i = 0; i < series->side->n; i++) {
		view_cut(series, &series->views[i], &walk, row_of, place);
		place[0] += n_slices_of(series->side->profiles[i]);
	}
	return 0;
}

int series_caller(const struct series *series, const struct series_names *names, uint32_t function,
	uint32_t *ret_caller)
{
	CLEANUP(freep) double *weights = calloc(names->texts.n, sizeof(*weights));
	uint32_t best = 0;

	if (!weights)
		return -ENOMEM;
	for (size_t i = 0; i < series->side->n; i++) {
		const struct view *view = &series->views[i];

		for (size_t j = 0; j < view->profile->n_samples; j++)
			if (view->leaves[j] == function)
				weights[view_caller(view, j)] += value_of(series, view, j);
	}
	for (uint32_t i = 1; i < names->texts.n; i++)
		if (!best || weights[i] > weights[best])
			best = weights[i] > 0 ? i : best;
	*ret_caller = best;
	return 0;
}

void series_done(struct series *series)
{
	for (size_t i = 0; series->views && i < series->side->n; i++)
		view_done(&series->views[i]);
	free(series->views);
	free(series->values);
	free(series->counts);
	free(series->wholes);
	free(series->seconds);
	free(series->work);
	free(series->cells);
	free(series->cell_wholes);
}
