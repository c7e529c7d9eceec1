/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What changed between two sides, how much, and how sure that is. A side is one recording or several
 * runs. Each function has an estimate on either side, the change between them with its 95 % interval,
 * and a verdict; false discoveries are controlled over all functions that were tested (Benjamini and
 * Hochberg, but weighted by the time that functions take, which finds what matters sooner: without
 * weights, one of 30 % among forty has to be as sure as one of 0.1 %; compare.c has the source). "No
 * evidence" is a verdict too: what could have been found is said beside it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/profile/intern.h"
#include "proto/profile/profile.h"

#define COMPARE_Q 0.02 /* of all changes that are reported, so many may be chance */
#define COMPARE_COUNT_MIN 10 /* samples on both sides together, below which nothing is tested */
#define COMPARE_MARGINAL 0.05 /* a change below is hardly worth its complexity */

enum { COMPARE_BEFORE, COMPARE_AFTER, COMPARE_SIDES };

/* What is compared. */
enum compare_mode {
	COMPARE_AUTO, /* work where a command was run on both sides, else shares */
	COMPARE_SHARES, /* of the whole, scaled so that functions on the whole did not change */
	COMPARE_ABSOLUTE, /* CPU time per time */
	COMPARE_WORK, /* CPU time per run of the command */
};

/* How estimates come by their variance. */
enum compare_method {
	COMPARE_RUNS, /* from run to run: Welch, variances shrunk across functions */
	COMPARE_BATCHES, /* within one recording: ratio estimator over batches of time */
};

enum compare_verdict { COMPARE_NO_EVIDENCE, COMPARE_SLOWER, COMPARE_FASTER };

/* What else may have become of a function: names are joined where the amounts fit. */
enum compare_fate { COMPARE_SAME, COMPARE_RENAMED, COMPARE_INLINED, COMPARE_OUTLINED };

struct compare_side {
	const struct profile *const *profiles; /* each is a run, or holds runs */
	size_t n;
};

struct compare_options {
	enum compare_mode mode;
	bool is_total; /* totals instead of selfs */
	double q; /* 0: COMPARE_Q */
};

/* By what a row goes: shares 0…1, or seconds per second, or seconds per run. */
struct compare_row {
	const char *name; /* the comparison's own */
	const char *module, *file; /* of one of the profiles, or "" */
	uint32_t line;
	double value[COMPARE_SIDES]; /* the second scaled as the normalizer says */
	int64_t n_samples[COMPARE_SIDES];
	double share[COMPARE_SIDES]; /* of the whole, not scaled */
	double change, low,
		high; /* relative: 0.1 is 10 % more; high may be infinite; NAN: unknown */
	double p; /* two-sided; NAN: not tested */
	double detectable; /* the smallest relative change that was likely (80 %) to be found */
	enum compare_verdict verdict;
	enum compare_fate fate;
	const char *other; /* the name joined with this one, where fate says so */
	bool is_unsettled; /* it swings more slowly than the recording is long */
};

/* What could have been found for a function with that share. */
struct compare_power {
	double share, detectable;
};

#define COMPARE_POWERS 4

struct comparison {
	struct compare_row *rows; /* those with a verdict first, then by size of the change */
	size_t n_rows, n_tested, n_slower, n_faster;
	struct compare_row whole; /* of all functions; p NAN where it cannot be tested */
	enum compare_mode mode;
	enum compare_method method;
	size_t n_runs[COMPARE_SIDES];
	int64_t n_samples[COMPARE_SIDES];
	double seconds[COMPARE_SIDES]; /* recorded */
	double normalizer; /* what the after side was divided by; 1 but for shares */
	double q;
	double dispersion; /* the median function's variance in units of a Poisson count's */
	struct compare_power powers[COMPARE_POWERS];
	struct intern names;
};

/* What comparison_new found: the sides cannot be compared so; `error` says why. */
enum { COMPARE_IMPOSSIBLE = 1 };

/*
 * Compares times where both sides have them, else counts. The profiles must outlive the comparison.
 * Functions are told by name; those without one by their address, and where the module's build-id
 * changed, all of a module are one. 0, -ENOMEM, or COMPARE_IMPOSSIBLE.
 */
int comparison_new(const struct compare_side sides[COMPARE_SIDES],
	const struct compare_options *options, struct comparison **ret_comparison,
	struct profile_error *error);
struct comparison *comparison_free(struct comparison *comparison); /* takes NULL, returns NULL */
void comparison_freep(struct comparison **comparison);

/*
 * Did a function of at least `min_share` on either side, or the whole, surely grow by more than
 * `threshold` (0.1 is 10 %)? The row, or NULL.
 */
const struct compare_row *comparison_find_regression(
	const struct comparison *comparison, double threshold, double min_share);
