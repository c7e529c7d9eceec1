/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Functions that are on one side only; shared by the compare-*.c and by nobody else. */

#include "proto/profile/compare-estimate.h"

#define FATES_MAX 32

/* Function `gone` (on one side only) is taken for a part of `into`. */
struct fate {
	uint32_t gone, into;
	enum compare_fate fate;
};

/* Looks for them among the rows of `estimates`. 0 or -ENOMEM. */
int fates_find(const struct estimates *estimates, struct series_names *names,
	struct fate fates[FATES_MAX], size_t *ret_n);

/* Adds one function's figures to another's, on both sides, and takes them from it. */
void fate_join(struct series series[COMPARE_SIDES], const struct fate *fate);
