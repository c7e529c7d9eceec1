/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buffer.h"
#include "proto/profile/profile.h"

/* A stretch of time by the clock, in ns since the epoch. */
struct timeline_row {
	uint64_t from_ns, until_ns;
	int64_t n, n_with; /* samples; those with the function on their stack */
	bool is_gap; /* nothing was recorded */
};

struct timeline {
	const char *name; /* of the function; the profile's */
	struct timeline_row *rows; /* following on each other */
	size_t n;
};

/*
 * The share of samples with a function (a string of the profile's) on their stack in the course of
 * time, until until_ns: a row for each run of the profile, and for each gap between them. 0 or -ENOMEM.
 */
int timeline_make(const struct profile *profile, uint32_t function, uint64_t until_ns,
	struct timeline *ret_timeline);
void timeline_done(struct timeline *timeline);

/* With 95 % intervals. Each 0 or -ENOMEM. */
int timeline_append_table(const struct timeline *timeline, struct buffer *out);
int timeline_append_json(const struct timeline *timeline, struct buffer *out);
/* A static picture, an SVG file; the profile says what it is of. */
int timeline_append_svg(
	const struct profile *profile, const struct timeline *timeline, struct buffer *out);
