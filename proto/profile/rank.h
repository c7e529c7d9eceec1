/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where time goes: self (it is the leaf, its innermost inlined line) and total (it is anywhere on
 * the stack, counted once per stack however often it recurs), with intervals. What is not on stacks
 * but has them (threads, processes, units) has a total that is its self.
 */

#include <stddef.h>
#include <stdint.h>

#include "proto/profile/profile.h"

enum rank_by {
	RANK_BY_FUNCTION, /* all functions of one name are one, as `go tool pprof -top` has it */
	RANK_BY_MODULE,
	RANK_BY_LINE, /* function, file and line */
	RANK_BY_THREAD,
	RANK_BY_PROCESS,
	RANK_BY_UNIT, /* of systemd */
	/* Functions that call one function directly, or are called by it. */
	RANK_BY_CALLER,
	RANK_BY_CALLEE,
};

/* The score is 0.4 self + 0.4 total + 0.2 calls, in per cent of the whole each; samples hold no
 * calls, so it is 0.5 self + 0.5 total. */
enum rank_sort { RANK_SORT_SELF, RANK_SORT_TOTAL, RANK_SORT_SCORE };

struct rank_options {
	enum rank_by by;
	enum rank_sort sort;
	size_t value_type; /* index into the profile's value types */
	uint32_t function; /* string: whose callers or callees */
};

/* A share of the whole, 0…1, and its 95 % interval for this recording. */
struct rank_share {
	double share, low, high;
	double speedup_max; /* Amdahl: the whole gets at most so many times faster; may be infinite */
};

/* Strings are the profile's. Where several modules or files share a name: the heaviest. */
struct rank_row {
	uint32_t name; /* string: of the function; by module, the module's path (0: none) */
	const char *label; /* said instead of the name, the ranking's own; or NULL */
	uint32_t module, file; /* strings, or 0 */
	uint32_t line; /* by line: that line; else the function's first line; 0: unknown */
	uint8_t kind; /* enum profile_frame_kind */
	uint8_t is_inlined; /* the heaviest occurrence was inlined */
	int64_t self, total; /* in units of the value type */
	struct rank_share self_share, total_share;
	double score; /* 0…100 */
};

struct ranking {
	struct rank_row
		*rows; /* sorted: the hottest first; ties by the other value, then by name */
	size_t n_rows;
	int64_t whole; /* sum of the value type over all samples; of callers and callees, over those
			  with the function on their stack */
	int64_t n_samples; /* what the intervals rest on: the sum of value type 0 */
	struct rank_options options; /* how it was made */
	struct intern labels;
};

/* What a ranking's length allows to say of its first rows, in the order it is sorted by. */
struct rank_sufficiency {
	double half_width; /* of the first row's interval, 0…1 */
	double halving; /* so many times more of the same would halve that */
	/* So many times more would tell the first row from the second; 0: they are told apart, or
	 * there is no second; infinite: their shares are equal. */
	double telling_apart;
};

/* NULL options: functions by self of the first value type. 0 or -ENOMEM. */
int ranking_new(const struct profile *profile, const struct rank_options *options,
	struct ranking **ret_ranking);
struct ranking *ranking_free(struct ranking *ranking); /* takes NULL, returns NULL */
void ranking_freep(struct ranking **ranking);

/* The share that rows are in order of: self or total (score: self). */
const struct rank_share *ranking_share(const struct ranking *ranking, const struct rank_row *row);

/*
 * The half-width falls with the root of the time. Two shares p and q of one sample of n are told
 * apart at 95 % when |p - q| > z sqrt((p + q - (p - q)^2) / n), the multinomial's own variance.
 */
struct rank_sufficiency ranking_sufficiency(const struct ranking *ranking);

/*
 * The function that a person means by `name`: that very name, or the only one that holds it. 0 and
 * its string, or RANK_NO_FUNCTION with candidates in `error`.
 */
enum { RANK_NO_FUNCTION = 1 };
int ranking_find_function(const struct profile *profile, const char *name, uint32_t *ret_function,
	struct profile_error *error);

/* The name of a row for a person: "[unknown]" where there is none. */
const char *ranking_name(const struct profile *profile, const struct rank_row *row);

/*
 * Wilson's score interval at 95 % for `share` seen in n independent samples (E. B. Wilson, "Probable
 * inference, the law of succession, and statistical inference", JASA 22, 1927). n <= 0 gives 0…1.
 */
struct rank_share rank_share_of(double share, double n);
