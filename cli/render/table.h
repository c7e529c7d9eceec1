/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buffer.h"
#include "proto/profile/profile.h"
#include "proto/profile/rank.h"

struct table_options {
	const char *title; /* NULL: made from the profile */
	struct rank_options rank;
	size_t limit; /* rows; 0: all */
	unsigned width; /* columns; 0: names are not cut */
	bool has_colour, has_facts;
};

/* The hottest rows as a table for a person. 0 or -ENOMEM. */
int table_append_hotspots(
	const struct profile *profile, const struct table_options *options, struct buffer *out);
