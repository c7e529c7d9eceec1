/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The scale between two sides; shared by the compare-*.c and by nobody else. */

#include "proto/profile/compare-estimate.h"

/*
 * What the second side's shares must be divided by so that functions on the whole did not change, and
 * the variance of its logarithm. Where too few functions are on both sides to tell, both stay as they
 * are. 0 or -ENOMEM.
 */
int scale_find(const struct estimates *estimates, double *ret_scale, double *ret_variance);
