/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Which part of the file some rows are for: [start, end) in file offsets. */
struct unwind_range {
	uint32_t start, end;
	uint32_t first_row, n_rows; /* in the array that they came from; the first is at or before
				     * start, the others may lie beyond end */
};

struct unwind_ranges {
	struct unwind_range *ranges;
	size_t n, n_allocated;
};

/* 0 or -ENOMEM. */
int unwind_ranges_add(struct unwind_ranges *ranges, struct unwind_range range);

/* Sorts by start; of equal starts the one added first stays. Each range is cut where the next one
 * begins. Returns 0 or -ENOMEM; *ret_n_cut counts those cut and dropped. */
int unwind_ranges_settle(struct unwind_ranges *ranges, size_t *ret_n_cut);

/* Adds to `ranges` the parts of `others` that it leaves free (both settled), and settles it. 0 or
 * -ENOMEM. */
int unwind_ranges_fill(struct unwind_ranges *ranges, const struct unwind_ranges *others);

/* For CLEANUP. */
void unwind_ranges_done(struct unwind_ranges *ranges);
