/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buffer.h"
#include "proto/profile/profile.h"

struct series_options {
	uint32_t n_max; /* rows; 0: as many as there are slices */
	bool is_json;
};

/*
 * The share of samples with a function (a string of the profile's) on their stack in the course of
 * time, with 95 % intervals: a table, or JSON. Time is of what was recorded: gaps are cut out. 0 or
 * -ENOMEM.
 */
int series_append(const struct profile *profile, uint32_t function,
	const struct series_options *options, struct buffer *out);
