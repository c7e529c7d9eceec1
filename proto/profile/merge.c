/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Adding a profile to another: its samples are copied, then what both say of themselves is joined,
 * so that the ledger still adds up. Where the two differ in a text, the result says "several".
 */

#include "proto/profile/merge.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "proto/profile/copy.h"

_Static_assert(MERGE_TYPES_DIFFER == (int)COPY_TYPES_DIFFER, "merge_add hands the outcome on");

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* How many slices `from` began later than `into`. */
static uint32_t slices_between(const struct profile *into, const struct profile *from)
{
	uint64_t start = into->conditions.start_realtime_ns;
	uint64_t later = from->conditions.start_realtime_ns;
	uint64_t n;

	if (!start || later <= start)
		return 0;
	n = (later - start) / (PROFILE_SLICE_MS * NS_PER_MS);
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static int text_join(struct copy *copy, uint32_t *into, uint32_t from)
{
	uint32_t copied;
	int r = copy_string(copy, from, &copied);

	if (r < 0)
		return r;
	if (!*into)
		*into = copied;
	else if (copied && copied != *into)
		return profile_add_string(copy->into, "several", into);
	return 0;
}

/* The mean of two rates, each counting as long as it lasted. */
static double rate_join(double a, uint64_t a_ns, double b, uint64_t b_ns)
{
	double whole = (double)a_ns + (double)b_ns;

	if (a <= 0 || b <= 0)
		return a > 0 ? a : b;
	return whole > 0 ? (a * (double)a_ns + b * (double)b_ns) / whole : (a + b) / 2;
}

static int conditions_join(struct copy *copy)
{
	struct profile_conditions *a = &copy->into->conditions;
	const struct profile_conditions *b = &copy->from->conditions;
	struct {
		uint32_t *into, from;
	} texts[] = {{&a->target, b->target}, {&a->event, b->event},
		{&a->event_asked, b->event_asked}, {&a->call_graph, b->call_graph},
		{&a->host, b->host}, {&a->kernel, b->kernel}, {&a->machine, b->machine},
		{&a->version, b->version}, {&a->notes, b->notes}, {&a->command, b->command},
		{&a->cpu_model, b->cpu_model}, {&a->governor, b->governor},
		{&a->virtualization, b->virtualization}, {&a->load, b->load}};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int r = text_join(copy, texts[i].into, texts[i].from);

		if (r < 0)
			return r;
	}
	a->frequency_asked = rate_join(
		a->frequency_asked, a->duration_ns, b->frequency_asked, b->duration_ns);
	a->frequency_reached = rate_join(
		a->frequency_reached, a->duration_ns, b->frequency_reached, b->duration_ns);
	if (!a->start_realtime_ns)
		a->start_realtime_ns = b->start_realtime_ns;
	a->duration_ns = add(a->duration_ns, b->duration_ns);
	a->sampled_ns = add(a->sampled_ns, b->sampled_ns);
	if (b->n_cpus > a->n_cpus)
		a->n_cpus = b->n_cpus;
	return 0;
}

/* Time by the scheduler is known of the sum only if it was known of both. */
static void scheduler_join(struct profile *into, const struct profile *from, bool is_first)
{
	uint64_t *a = &into->conditions.scheduler_ns, b = from->conditions.scheduler_ns;

	*a = is_first ? b : *a && b ? add(*a, b) : 0;
}

static int ledger_join(struct profile *into, const struct profile *from)
{
	struct profile_ledger *a = &into->ledger;
	const struct profile_ledger *b = &from->ledger;

	for (size_t i = 0; i < b->n_lost; i++) {
		int r = profile_count_lost(
			into, profile_string(from, b->lost[i].reason), b->lost[i].n);

		if (r < 0)
			return r;
	}
	a->not_permitted = add(a->not_permitted, b->not_permitted);
	a->missed = add(a->missed, b->missed);
	a->taken = add(a->taken, b->taken);
	return profile_count_samples(into);
}

/* All but the runs. */
static int profile_join(struct profile *into, const struct profile *from, uint32_t n_slices)
{
	CLEANUP(copy_done) struct copy copy = {};
	bool is_first = !into->n_value_types;
	int r = copy_init(&copy, into, from);

	if (r)
		return r;
	for (size_t i = 0; i < from->n_samples; i++) {
		r = copy_sample(&copy, i, n_slices);
		if (r < 0)
			return r;
	}
	r = conditions_join(&copy);
	if (r < 0)
		return r;
	scheduler_join(into, from, is_first);
	return ledger_join(into, from);
}

int merge_add(struct profile *into, const struct profile *from)
{
	bool is_first = !into->n_value_types;
	int r = profile_join(into, from, slices_between(into, from));

	if (r)
		return r;
	/* Runs are apart in time: those of one profile stay, those of two would not. */
	into->n_runs = 0;
	for (size_t i = 0; is_first && i < from->n_runs; i++) {
		r = profile_add_run(into, &from->runs[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* So long that all samples are within. */
static uint32_t slices_of(const struct profile *profile)
{
	uint64_t n = (profile->conditions.duration_ns + PROFILE_SLICE_MS * NS_PER_MS - 1) /
		(PROFILE_SLICE_MS * NS_PER_MS);

	for (size_t i = 0; i < profile->n_samples; i++)
		if (profile->samples[i].slice >= n)
			n = (uint64_t)profile->samples[i].slice + 1;
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

int merge_add_run(struct profile *into, const struct profile *from, const struct profile_run *run)
{
	struct profile_run added = *run;
	uint32_t end = 0;
	int r;

	if (into->n_runs)
		end = into->runs[into->n_runs - 1].first_slice +
			into->runs[into->n_runs - 1].n_slices;
	added.first_slice = slices_between(into, from);
	added.n_slices = slices_of(from);
	/* Clocks are set, too: a run never begins before the last has ended. */
	if (added.first_slice < end)
		added.first_slice = end;
	r = profile_add_run(into, &added);
	if (r < 0)
		return r;
	r = profile_join(into, from, added.first_slice);
	if (r)
		into->n_runs--;
	return r;
}
