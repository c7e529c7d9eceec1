/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where time goes: self (it is the leaf, its innermost inlined line) and total (it is anywhere on
 * the stack, counted once per stack however often it recurs), with intervals.
 */

#include <stddef.h>
#include <stdint.h>

#include "proto/profile/profile.h"

enum rank_by {
	RANK_BY_FUNCTION, /* all functions of one name are one, as `go tool pprof -top` has it */
	RANK_BY_MODULE,
	RANK_BY_LINE, /* function, file and line */
};

enum rank_sort { RANK_SORT_SELF, RANK_SORT_TOTAL };

struct rank_options {
	enum rank_by by;
	enum rank_sort sort;
	size_t value_type; /* index into the profile's value types */
};

/* A share of the whole, 0…1, and its 95 % interval for this recording. */
struct rank_share {
	double share, low, high;
	double speedup_max; /* Amdahl: the whole gets at most so many times faster; may be infinite */
};

/* Strings are the profile's. Where several modules or files share a name: the heaviest. */
struct rank_row {
	uint32_t name; /* string: of the function; by module, the module's path (0: none) */
	uint32_t module, file; /* strings, or 0 */
	uint32_t line; /* by line: that line; else the function's first line; 0: unknown */
	uint8_t kind; /* enum profile_frame_kind */
	uint8_t is_inlined; /* the heaviest occurrence was inlined */
	int64_t self, total; /* in units of the value type */
	struct rank_share self_share, total_share;
};

struct ranking {
	struct rank_row
		*rows; /* sorted: the hottest first; ties by the other value, then by name */
	size_t n_rows;
	int64_t whole; /* sum of the value type over all samples */
	int64_t n_samples; /* what the intervals rest on: the sum of value type 0 */
};

/* NULL options: functions by self of the first value type. 0 or -ENOMEM. */
int ranking_new(const struct profile *profile, const struct rank_options *options,
	struct ranking **ret_ranking);
struct ranking *ranking_free(struct ranking *ranking); /* takes NULL, returns NULL */
void ranking_freep(struct ranking **ranking);

/* The name of a row for a person: "[unknown]" where there is none. */
const char *ranking_name(const struct profile *profile, const struct rank_row *row);

/*
 * Wilson's score interval at 95 % for `share` seen in n independent samples (E. B. Wilson, "Probable
 * inference, the law of succession, and statistical inference", JASA 22, 1927). n <= 0 gives 0…1.
 */
struct rank_share rank_share_of(double share, double n);
