/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The sides of a comparison as numbers; shared by the compare-*.c and by nobody else. */

#include "proto/profile/compare-view.h"

/* Batches begin as slices; longer recordings begin with longer ones. */
#define SERIES_CELLS_MAX 1024
/* So many of the heaviest functions are looked at slice by slice. */
#define SERIES_FUNCTIONS_MAX 4096

/* One side. Values are seconds, or counts where there are no times. */
struct series {
	const struct compare_side *side;
	struct view *views; /* of its profiles */
	bool has_times, is_total;
	size_t n_functions, n_runs, n_cells;
	double *values; /* [function * n_runs + run] */
	double *counts; /* [function] */
	double *wholes, *seconds,
		*work; /* [run]: sum of values; recorded; CPU time of the command */
	double whole, n_samples;
	bool has_work; /* every run is one of a command */
	/* Only for batches: [row * n_cells + cell], row of functions in `rows`. */
	double *cells, *cell_wholes;
	double cell_seconds;
};

/* Gives names to all functions of both sides, then sums up each. 0 or -ENOMEM. */
int series_make(const struct compare_side sides[COMPARE_SIDES], bool is_total,
	struct series_names *names, struct series series[COMPARE_SIDES]);

/* Fills in the cells for functions with row_of[function] >= 0. 0 or -ENOMEM. */
int series_cells_make(struct series *series, const struct series_names *names,
	const int32_t *row_of, size_t n_rows);

/* Who calls `function`, where it runs itself, most: 0 if nobody. 0 or -ENOMEM. */
int series_caller(const struct series *series, const struct series_names *names, uint32_t function,
	uint32_t *ret_caller);

void series_done(struct series *series);
