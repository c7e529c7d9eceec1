/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Means and their variances, by runs or by batches; shared by the compare-*.c and by nobody else. */

#include "proto/profile/compare-series.h"
#include "proto/profile/compare-shrink.h"

struct estimate {
	double mean, variance; /* the latter of the mean */
	double df;
	/* Where it scattered less than Poisson, and the variance was raised to that (its df are
	 * infinite then): what it was. Else own_df is 0. */
	double own_variance, own_df;
	bool is_unsettled;
};

/* Of function f on both sides: estimates[2 * row + side]. */
struct estimates {
	const struct series *series; /* both sides */
	enum compare_mode mode;
	enum compare_method method;
	const uint32_t *functions; /* row -> function */
	size_t n_rows;
	struct estimate *items;
	struct shrinkage shrinkage;
	/* By batches, what the median function scatters in units of Poisson's, and how surely. */
	double dispersion, df;
};

/* Needs the cells where the method is batches. 0 or -ENOMEM. */
int estimates_make(struct estimates *estimates);
void estimates_done(struct estimates *estimates);

/* What a function of that share is likely to show on that side. */
struct estimate estimate_expected(const struct estimates *estimates, double share, int side);

/* The whole of a side in the mode's unit; df 0 where it cannot be told. */
struct estimate estimate_whole(const struct estimates *estimates, int side);

/* Welch's t of `after` against `before`: p two-sided, and Satterthwaite's degrees of freedom. */
struct welch {
	double t, df, p;
};

struct welch estimate_welch(const struct estimate *before, const struct estimate *after);
