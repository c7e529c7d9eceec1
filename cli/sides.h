/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cli/narrow.h"
#include "proto/profile/compare.h"

#define SIDE_PROFILES_MAX 64

/* One side of a comparison: profiles that were loaded. For CLEANUP: side_done(). */
struct side {
	struct profile *profiles[SIDE_PROFILES_MAX];
	size_t n;
	const char *source;
};

/*
 * Loads SOURCE[,SOURCE…] (a file whose name holds a comma is one), each narrowed. 0, or an exit code
 * after saying why.
 */
int side_load(struct side *side, const struct narrow_arguments *narrow, const char *sources);
/* Both, at the same time where both are files: reading is most of what a comparison takes. */
int sides_load(struct side sides[COMPARE_SIDES], const struct narrow_arguments *narrow,
	char *const *sources);
void side_done(struct side *side);

/* For comparison_new: borrows. */
struct compare_side side_compared(const struct side *side);
