/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What two estimates say of a change; shared by the compare-*.c and by nobody else. */

#include "proto/profile/compare-estimate.h"

/* What the second side is divided by, and the variance of its logarithm. */
struct scaling {
	enum compare_mode mode;
	double scale, variance;
};

/* Both sides as they are tested: of shares the odds against the others, and the second scaled. */
void figures_scale(const struct scaling *scaling, struct estimate sides[COMPARE_SIDES]);

/* Of two that were scaled, the smallest relative change that is likely to be found where p must not be
 * above `level`. */
double figures_detectable(
	const struct estimate *before, const struct estimate *after, double level);

/* Fills in value, change, low, high, p, detectable and is_unsettled; p stays where it cannot be told. */
void figures_test(const struct scaling *scaling, struct compare_row *row,
	const struct estimate sides[COMPARE_SIDES], double level);
