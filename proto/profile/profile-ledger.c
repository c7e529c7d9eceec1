/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Questions to the document, and the ledger. What follows from the samples is never kept by hand:
 * profile_count_samples() counts it from them, so that the sums cannot drift. Invariant: a ledger's
 * sums stay right even when reasons outnumber their places, for the last place takes the rest.
 */

#include "proto/profile/profile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"

const char *profile_string(const struct profile *profile, uint32_t id)
{
	return intern_text(&profile->strings, id);
}

const char *profile_function_name(const struct profile *profile, uint32_t function)
{
	uint32_t name = profile->functions[function].name;

	return name ? profile_string(profile, name) : "[unknown]";
}

const char *profile_comm(const struct profile *profile, uint32_t thread)
{
	uint32_t process = profile->threads[thread].process;
	uint32_t comm = profile->processes[process].comm;

	return comm ? profile_string(profile, comm) : "[unknown]";
}

int64_t profile_value(const struct profile *profile, size_t sample, size_t type)
{
	return profile->values[sample * profile->n_value_types + type];
}

int profile_find_value_type(const struct profile *profile, const char *type)
{
	for (size_t i = 0; i < profile->n_value_types; i++)
		if (!strcmp(profile_string(profile, profile->value_types[i].type), type))
			return (int)i;
	return -1;
}

int profile_malformed(struct profile_error *error, const char *format, ...)
{
	va_list args;

	if (!error)
		return PROFILE_MALFORMED;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return PROFILE_MALFORMED;
}

static void count_add(struct profile_count *counts, size_t *n_counts, uint32_t reason, uint64_t n)
{
	size_t i = 0;

	while (i < *n_counts && counts[i].reason != reason)
		i++;
	if (i == PROFILE_REASONS_MAX)
		i--;
	else if (i == *n_counts)
		counts[(*n_counts)++] = (struct profile_count){.reason = reason};
	if (__builtin_add_overflow(counts[i].n, n, &counts[i].n))
		counts[i].n = UINT64_MAX;
}

static uint64_t counts_sum(const struct profile_count *counts, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (__builtin_add_overflow(sum, counts[i].n, &sum))
			return UINT64_MAX;
	return sum;
}

int profile_count_lost(struct profile *profile, const char *reason, uint64_t n)
{
	struct profile_ledger *ledger = &profile->ledger;
	uint32_t id;
	int r = profile_add_string(profile, reason, &id);

	if (r < 0)
		return r;
	count_add(ledger->lost, &ledger->n_lost, id, n);
	return 0;
}

static void samples_count(struct profile *profile)
{
	struct profile_ledger *ledger = &profile->ledger;

	ledger->kept = ledger->complete = 0;
	ledger->n_truncated = ledger->n_no_user_stack = 0;
	for (size_t i = 0; i < profile->n_samples && profile->n_value_types; i++) {
		const struct profile_sample *sample = &profile->samples[i];
		int64_t value = profile_value(profile, i, 0);

		if (value <= 0)
			continue;
		if (__builtin_add_overflow(ledger->kept, (uint64_t)value, &ledger->kept))
			ledger->kept = UINT64_MAX;
		if (sample->stop_class == PROFILE_STOP_TRUNCATED)
			count_add(ledger->truncated, &ledger->n_truncated, sample->stop,
				(uint64_t)value);
		else if (sample->stop_class == PROFILE_STOP_NO_USER_STACK)
			count_add(ledger->no_user_stack, &ledger->n_no_user_stack, sample->stop,
				(uint64_t)value);
		else if (__builtin_add_overflow(
				 ledger->complete, (uint64_t)value, &ledger->complete))
			ledger->complete = UINT64_MAX;
	}
}

/* The reason's place in the ledger, which it gets if it has none. */
static size_t unnamed_place(struct profile_ledger *ledger, uint32_t reason)
{
	for (size_t i = 0; i < ledger->n_unnamed; i++)
		if (ledger->unnamed[i].reason == reason)
			return i;
	if (ledger->n_unnamed == PROFILE_REASONS_MAX)
		return PROFILE_REASONS_MAX - 1;
	ledger->unnamed[ledger->n_unnamed] = (struct profile_unnamed){.reason = reason};
	return ledger->n_unnamed++;
}

/* What is known of a stack: does a sample reach it, and which reasons (one bit for each place in
 * the ledger) do its frames have? */
struct stack_facts {
	bool is_reached;
	uint32_t reasons;
};

static void unnamed_count_frames(
	struct profile *profile, struct stack_facts *facts, bool *is_frame_counted)
{
	/* Callers have smaller ids: backwards, reaching spreads to them; forwards, reasons do. */
	for (size_t i = profile->n_stacks; i-- > 1;)
		if (facts[i].is_reached)
			facts[profile->stacks[i].parent].is_reached = true;
	for (size_t i = 1; i < profile->n_stacks; i++) {
		const struct profile_stack *stack = &profile->stacks[i];
		const struct profile_frame *frame = &profile->frames[stack->frame];
		size_t place;

		facts[i].reasons = facts[stack->parent].reasons;
		if (!facts[i].is_reached || !frame->unnamed)
			continue;
		place = unnamed_place(&profile->ledger, frame->unnamed);
		facts[i].reasons |= UINT32_C(1) << place;
		if (!is_frame_counted[stack->frame])
			profile->ledger.unnamed[place].n_frames++;
		is_frame_counted[stack->frame] = true;
	}
}

static int unnamed_count(struct profile *profile)
{
	CLEANUP(freep) struct stack_facts *facts = calloc(profile->n_stacks, sizeof(*facts));
	CLEANUP(freep) bool *is_frame_counted = calloc(profile->n_frames, sizeof(bool));
	struct profile_ledger *ledger = &profile->ledger;

	if (!facts || !is_frame_counted)
		return -ENOMEM;
	ledger->n_unnamed = 0;
	if (!profile->n_value_types)
		return 0;
	for (size_t i = 0; i < profile->n_samples; i++)
		if (profile_value(profile, i, 0) > 0)
			facts[profile->samples[i].stack].is_reached = true;
	unnamed_count_frames(profile, facts, is_frame_counted);
	for (size_t i = 0; i < profile->n_samples; i++) {
		int64_t value = profile_value(profile, i, 0);
		uint32_t reasons = facts[profile->samples[i].stack].reasons;

		for (size_t place = 0; value > 0 && reasons; place++, reasons >>= 1)
			if ((reasons & 1) &&
				__builtin_add_overflow(ledger->unnamed[place].n_samples,
					(uint64_t)value, &ledger->unnamed[place].n_samples))
				ledger->unnamed[place].n_samples = UINT64_MAX;
	}
	return 0;
}

_Static_assert(PROFILE_REASONS_MAX <= 32, "stack_facts.reasons has a bit for each place");

static int count_compare(const void *a, const void *b, void *profile)
{
	const struct profile_count *left = a, *right = b;

	if (left->n != right->n)
		return left->n > right->n ? -1 : 1;
	return strcmp(
		profile_string(profile, left->reason), profile_string(profile, right->reason));
}

static int unnamed_compare(const void *a, const void *b, void *profile)
{
	const struct profile_unnamed *left = a, *right = b;

	if (left->n_samples != right->n_samples)
		return left->n_samples > right->n_samples ? -1 : 1;
	return strcmp(
		profile_string(profile, left->reason), profile_string(profile, right->reason));
}

/* Most first, so that they do not depend on the order of the samples. */
int profile_count_samples(struct profile *profile)
{
	struct profile_ledger *ledger = &profile->ledger;
	int r;

	samples_count(profile);
	r = unnamed_count(profile);
	if (r < 0)
		return r;
	qsort_r(ledger->truncated, ledger->n_truncated, sizeof(*ledger->truncated), count_compare,
		profile);
	qsort_r(ledger->no_user_stack, ledger->n_no_user_stack, sizeof(*ledger->no_user_stack),
		count_compare, profile);
	qsort_r(ledger->unnamed, ledger->n_unnamed, sizeof(*ledger->unnamed), unnamed_compare,
		profile);
	return 0;
}

uint64_t profile_n_lost(const struct profile *profile)
{
	return counts_sum(profile->ledger.lost, profile->ledger.n_lost);
}

uint64_t profile_n_truncated(const struct profile *profile)
{
	return counts_sum(profile->ledger.truncated, profile->ledger.n_truncated);
}

uint64_t profile_n_no_user_stack(const struct profile *profile)
{
	return counts_sum(profile->ledger.no_user_stack, profile->ledger.n_no_user_stack);
}

void profile_balance(struct profile *profile)
{
	struct profile_ledger *ledger = &profile->ledger;
	uint64_t sum = ledger->kept, n_lost = profile_n_lost(profile);

	if (__builtin_add_overflow(sum, n_lost, &sum) ||
		__builtin_add_overflow(sum, ledger->not_permitted, &sum))
		sum = UINT64_MAX;
	ledger->taken = sum;
}

int profile_add_run(struct profile *profile, const struct profile_run *run)
{
	const struct profile_run *last = profile->n_runs ? &profile->runs[profile->n_runs - 1]
							 : NULL;
	int r;

	if (run->first_slice > UINT32_MAX - run->n_slices)
		return -EINVAL;
	if (last && run->first_slice < last->first_slice + last->n_slices)
		return -EINVAL;
	if (profile->n_runs >= PROFILE_RUNS_MAX)
		return -E2BIG;
	r = array_reserve(&profile->runs, &profile->n_runs_allocated, profile->n_runs + 1,
		sizeof(*profile->runs));
	if (r < 0)
		return r;
	profile->runs[profile->n_runs++] = *run;
	return 0;
}
