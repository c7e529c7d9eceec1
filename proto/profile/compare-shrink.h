/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What variances have in common across functions; shared by the compare-*.c and by nobody else. */

#include <stddef.h>

/* Of one function, both sides together: samples of a side, and variance from run to run in units of
 * Poisson's. */
struct scatter {
	double count, dispersion;
};

struct shrinkage {
	double df; /* of each dispersion */
	double level, slope; /* the trend: level * (1 + slope * count) */
	double prior_df; /* what the trend is worth; 0: nothing */
	double *weights; /* by function, 0…1: so much of prior_df is for it */
};

/* Fits all but df, which is given. 0 or -ENOMEM. */
int shrinkage_fit(struct shrinkage *shrinkage, const struct scatter *points, size_t n);
void shrinkage_done(struct shrinkage *shrinkage);

/* The dispersion that the trend has for a count. */
double shrinkage_trend(const struct shrinkage *shrinkage, double count);
