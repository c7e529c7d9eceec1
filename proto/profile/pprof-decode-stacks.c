/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Looking up each frame of each stack is what takes the time where there are a million stacks. Two
 * things save it. What a stack has in common with the one before it, from the root on, needs no
 * looking up. And where stacks come in lexicographic order of their frames from the root, as we write
 * them, what comes behind the common part cannot have been there before; nor can a sample whose stack
 * is new, or whose slice is behind those of the same stack. The first that is out of order ends this:
 * from there on all is looked up.
 */

#include "proto/profile/pprof-decode-stacks.h"

#include <stdlib.h>

#include "proto/base/array.h"
#include "proto/profile/pprof.h"

/* Samples of one stack in one slice, of several threads, are compared; more are looked up. */
#define SIBLINGS_MAX 16

int pprof_stacks_push(struct pprof_stacks *stacks, uint32_t frame)
{
	int r;

	if (stacks->n_frames >= PPROF_DEPTH_MAX)
		return PPROF_STACK_TOO_DEEP;
	r = array_reserve(&stacks->frames, &stacks->n_frames_allocated, stacks->n_frames + 1,
		sizeof(*stacks->frames));
	if (r == 0)
		stacks->frames[stacks->n_frames++] = frame;
	return r;
}

/* So many frames from the root on are those of the stack before. */
static size_t common_count(const struct pprof_stacks *stacks)
{
	size_t n = stacks->n_frames, n_common = 0;

	while (n_common < n && n_common < stacks->n_last &&
		stacks->last[n_common] == stacks->frames[n - 1 - n_common])
		n_common++;
	return n_common;
}

/* Does the stack at hand come behind the one before it, or is it the same? */
static bool is_behind(const struct pprof_stacks *stacks, size_t n_common)
{
	if (n_common == stacks->n_last)
		return true;
	return n_common < stacks->n_frames &&
		stacks->frames[stacks->n_frames - 1 - n_common] > stacks->last[n_common];
}

int pprof_stacks_pop(struct pprof_stacks *stacks, struct profile *profile, uint32_t *ret_stack)
{
	size_t n = stacks->n_frames, at = common_count(stacks);
	uint32_t stack = at ? stacks->last_stacks[at - 1] : 0;
	int r = array_reserve(&stacks->last, &stacks->n_last_allocated, n, sizeof(*stacks->last));

	if (r == 0)
		r = array_reserve(&stacks->last_stacks, &stacks->n_last_stacks_allocated, n,
			sizeof(*stacks->last_stacks));
	stacks->is_unordered |= !is_behind(stacks, at);
	for (; r == 0 && at < n; at++) {
		uint32_t frame = stacks->frames[n - 1 - at];

		r = stacks->is_unordered ? profile_add_stack(profile, stack, frame, &stack)
					 : profile_append_stack(profile, stack, frame, &stack);
		stacks->last[at] = frame;
		stacks->last_stacks[at] = stack;
	}
	if (r < 0)
		return r;
	stacks->n_last = n;
	stacks->n_frames = 0;
	*ret_stack = stack;
	return 0;
}

static bool is_equal(const struct profile_sample *a, const struct profile_sample *b)
{
	return a->thread == b->thread && a->stop == b->stop && a->stop_class == b->stop_class;
}

/* Is there surely no such sample? All that were added are in order: the last ones tell. */
static bool is_new(const struct profile *profile, const struct profile_sample *key)
{
	size_t n = profile->n_samples;

	for (size_t i = 1; i <= n && i <= SIBLINGS_MAX; i++) {
		const struct profile_sample *last = &profile->samples[n - i];

		if (last->stack != key->stack || last->slice != key->slice)
			return last->stack < key->stack ||
				(last->stack == key->stack && last->slice < key->slice);
		if (is_equal(last, key))
			return false;
	}
	return n < SIBLINGS_MAX;
}

int pprof_stacks_add_sample(struct pprof_stacks *stacks, struct profile *profile,
	const struct profile_sample *key, const int64_t *values)
{
	struct profile_sample sample = *key;

	if (sample.stop_class == PROFILE_STOP_COMPLETE)
		sample.stop = 0;
	stacks->has_unordered_samples |= stacks->is_unordered || !is_new(profile, &sample);
	return stacks->has_unordered_samples ? profile_add_sample(profile, &sample, values)
					     : profile_append_sample(profile, &sample, values);
}

void pprof_stacks_done(struct pprof_stacks *stacks)
{
	free(stacks->frames);
	free(stacks->last);
	free(stacks->last_stacks);
}
