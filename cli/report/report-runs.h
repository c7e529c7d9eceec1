/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the runs of a command took; nothing is appended where there are none. 0 or -ENOMEM. */

#include "proto/base/buffer.h"
#include "proto/profile/profile.h"

/* Median, p95, p99, min, max, standard deviation. */
int report_append_runs(const struct profile *profile, struct buffer *out);

/* Medians of two, and the change of the mean with its 95 % interval. */
int report_append_runs_change(
	const struct profile *before, const struct profile *after, struct buffer *out);
