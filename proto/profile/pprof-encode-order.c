/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lexicographic order of stacks is the order in which one meets them going through their tree from the
 * root on, children by their frames. Where a stack comes in it is counted out and not sorted: behind
 * its parent, and behind all that stands on those siblings whose frames have smaller ids. A parent's id
 * is smaller than its children's, so sums over what stands on a stack are made backwards, and places
 * are given forwards.
 */

#include "proto/profile/pprof-encode-order.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"

/* Sorts ids 0 … n - 1 by keys below n_keys; equal ones stay in order. `begins` has n_keys + 1 zeros. */
static void count_out(
	const uint32_t *keys, size_t n, uint32_t *begins, size_t n_keys, uint32_t *order)
{
	for (size_t i = 0; i < n; i++)
		begins[keys[i] + 1]++;
	for (size_t key = 0; key < n_keys; key++)
		begins[key + 1] += begins[key];
	for (size_t i = 0; i < n; i++)
		order[begins[keys[i]]++] = (uint32_t)i;
}

static int stacks_by_frame(const struct profile *profile, uint32_t *order)
{
	CLEANUP(freep) uint32_t *begins = calloc(profile->n_frames + 1, sizeof(*begins));
	CLEANUP(freep) uint32_t *keys = calloc(profile->n_stacks, sizeof(*keys));

	if (!begins || !keys)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_stacks; i++)
		keys[i] = profile->stacks[i].frame;
	count_out(keys, profile->n_stacks, begins, profile->n_frames, order);
	return 0;
}

/* places[i] is where stack i comes. */
static int stacks_place(const struct profile *profile, uint32_t *places)
{
	size_t n = profile->n_stacks;
	CLEANUP(freep) uint32_t *by_frame = calloc(n, sizeof(*by_frame));
	CLEANUP(freep) uint32_t *sizes = calloc(n, sizeof(*sizes));
	CLEANUP(freep) uint32_t *used = calloc(n, sizeof(*used));
	int r = by_frame ? stacks_by_frame(profile, by_frame) : -ENOMEM;

	if (r < 0 || !sizes || !used)
		return -ENOMEM;
	for (size_t i = n; i-- > 1;)
		sizes[profile->stacks[i].parent] += ++sizes[i];
	for (size_t i = 0; i < n; i++) {
		uint32_t stack = by_frame[i], parent = profile->stacks[stack].parent;

		if (!stack)
			continue;
		places[stack] = used[parent];
		used[parent] += sizes[stack];
	}
	for (size_t i = 1; i < n; i++)
		places[i] += places[profile->stacks[i].parent] + 1;
	return 0;
}

int pprof_order_samples(const struct profile *profile, uint32_t **ret_order)
{
	CLEANUP(freep) uint32_t *places = calloc(profile->n_stacks, sizeof(*places));
	CLEANUP(freep) uint32_t *begins = calloc(profile->n_stacks + 1, sizeof(*begins));
	CLEANUP(freep) uint32_t *keys = calloc(profile->n_samples + 1, sizeof(*keys));
	CLEANUP(freep) uint32_t *order = calloc(profile->n_samples + 1, sizeof(*order));
	int r;

	if (!places || !begins || !keys || !order)
		return -ENOMEM;
	r = stacks_place(profile, places);
	if (r < 0)
		return r;
	for (size_t i = 0; i < profile->n_samples; i++)
		keys[i] = places[profile->samples[i].stack];
	count_out(keys, profile->n_samples, begins, profile->n_stacks, order);
	*ret_order = TAKE(order);
	return 0;
}
