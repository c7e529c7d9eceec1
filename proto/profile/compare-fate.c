/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A function that is on one side only was added, removed, renamed, or inlined by the compiler. Names
 * are joined where the amounts say so: a renamed function is one that is gone and one that is new, in
 * one module, of one size; an inlined one is gone from below its caller, and its caller has grown by
 * what it had. The joined row is compared as one, so that neither is a change, and says what was
 * joined: it is a guess from amounts, which a reader can judge.
 */

#include "proto/profile/compare-fate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/text.h"

/* Amounts fit if they are no more than so many standard errors apart, and as far as a change that
 * came with it might make them. */
#define APART_MAX 2.5
#define APART_SHARE_MAX 0.25
/* A name that is left of one side when the other has so many samples is there still. */
#define LEFT_MAX 0.02

/* The part of a name that versions and compilers leave alone: no clone suffix, no parameters. */
static size_t stem_of(const char *name)
{
	size_t n = strcspn(name, ".( ");

	return n ? n : strlen(name);
}

static bool has_stem(const char *a, const char *b)
{
	size_t n = stem_of(a);

	return n > 2 && n == stem_of(b) && !strncmp(a, b, n);
}

static bool is_only_on(const struct estimates *estimates, size_t row, int side)
{
	const struct series *series = estimates->series;
	uint32_t function = estimates->functions[row];
	double here = series[side].counts[function] / fmax(1, series[side].n_samples);
	double there = series[!side].counts[function] / fmax(1, series[!side].n_samples);

	return series[side].counts[function] >= COMPARE_COUNT_MIN && there <= LEFT_MAX * here;
}

static bool fits(double wanted, double variance, double got)
{
	double apart = fabs(wanted - got);

	return apart <= APART_MAX * sqrt(variance) ||
		(apart <= APART_SHARE_MAX * wanted && got > 0);
}

/* The one that is new on the other side, of the same module, and as large: a common stem decides. */
static bool renamed_find(const struct estimates *estimates, const struct series_names *names,
	size_t gone, int side, struct fate *fate)
{
	const struct estimate *lost = &estimates->items[2 * gone + (size_t)side];
	const char *name = intern_text(&names->texts, fate->gone);
	const char *module = text_base_name(names->modules[fate->gone]);
	double best = INFINITY;

	for (size_t row = 0; row < estimates->n_rows; row++) {
		const struct estimate *new = &estimates->items[2 * row + (size_t)!side];
		uint32_t function = estimates->functions[row];
		double apart = fabs(new->mean - lost->mean);

		if (!is_only_on(estimates, row, !side) ||
			strcmp(text_base_name(names->modules[function]), module) != 0 ||
			!fits(lost->mean, lost->variance + new->variance, new->mean))
			continue;
		if (has_stem(name, intern_text(&names->texts, function)))
			apart = -1;
		if (apart >= best)
			continue;
		best = apart;
		fate->into = function;
	}
	fate->fate = COMPARE_RENAMED;
	return isfinite(best);
}

static bool caller_has_grown(
	const struct estimates *estimates, size_t gone, int side, uint32_t caller)
{
	const struct estimate *lost = &estimates->items[2 * gone + (size_t)side];

	for (size_t row = 0; row < estimates->n_rows; row++) {
		const struct estimate *here = &estimates->items[2 * row + (size_t)side];
		const struct estimate *there = &estimates->items[2 * row + (size_t)!side];

		if (estimates->functions[row] == caller)
			return there->mean > here->mean &&
				fits(lost->mean, lost->variance + here->variance + there->variance,
					there->mean - here->mean);
	}
	return false;
}

static int fate_find(const struct estimates *estimates, struct series_names *names, size_t row,
	int side, struct fate *fate)
{
	int r;

	*fate = (struct fate){.gone = estimates->functions[row]};
	/* Each pair once: what is gone looks for what is new. */
	if (side == COMPARE_BEFORE && renamed_find(estimates, names, row, side, fate))
		return 0;
	fate->fate = side == COMPARE_BEFORE ? COMPARE_INLINED : COMPARE_OUTLINED;
	r = series_caller(&estimates->series[side], names, fate->gone, &fate->into);
	if (r < 0)
		return r;
	if (!caller_has_grown(estimates, row, side, fate->into))
		fate->into = 0;
	return 0;
}

static bool is_taken(const struct fate *fates, size_t n, uint32_t function)
{
	for (size_t i = 0; i < n; i++)
		if (fates[i].gone == function || fates[i].into == function)
			return true;
	return false;
}

int fates_find(const struct estimates *estimates, struct series_names *names,
	struct fate fates[FATES_MAX], size_t *ret_n)
{
	size_t n = 0, n_tried = 0;

	for (int side = 0; side < COMPARE_SIDES; side++) {
		for (size_t row = 0; row < estimates->n_rows && n_tried < FATES_MAX; row++) {
			struct fate fate;
			int r;

			if (!is_only_on(estimates, row, side) ||
				is_taken(fates, n, estimates->functions[row]))
				continue;
			n_tried++;
			r = fate_find(estimates, names, row, side, &fate);
			if (r < 0)
				return r;
			if (fate.into && !is_taken(fates, n, fate.into))
				fates[n++] = fate;
		}
	}
	*ret_n = n;
	return 0;
}

void fate_join(struct series series[COMPARE_SIDES], const struct fate *fate)
{
	for (int side = 0; side < COMPARE_SIDES; side++) {
		struct series *at = &series[side];

		at->counts[fate->into] += at->counts[fate->gone];
		at->counts[fate->gone] = 0;
		for (size_t run = 0; run < at->n_runs; run++) {
			at->values[fate->into * at->n_runs + run] +=
				at->values[fate->gone * at->n_runs + run];
			at->values[fate->gone * at->n_runs + run] = 0;
		}
	}
}
