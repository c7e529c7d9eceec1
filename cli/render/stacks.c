// SPDX-License-Identifier: GPL-2.0-or-later
/* What the formats that write stack after stack have in common: an order, and names of threads. */

#include "cli/render/stacks.h"

#include <errno.h>
#include <stdlib.h>

struct sort_key {
	uint32_t thread, slice, sample;
};

static int compare_keys(const void *left, const void *right)
{
	const struct sort_key *a = left, *b = right;

	if (a->thread != b->thread)
		return a->thread < b->thread ? -1 : 1;
	if (a->slice != b->slice)
		return a->slice < b->slice ? -1 : 1;
	return a->sample < b->sample ? -1 : a->sample > b->sample;
}

int stacks_order(const struct profile *profile, bool by_thread, uint32_t **ret_order)
{
	struct sort_key *keys = calloc(profile->n_samples + 1, sizeof(*keys));
	uint32_t *order = calloc(profile->n_samples + 1, sizeof(*order));

	if (!keys || !order) {
		free(keys);
		free(order);
		return -ENOMEM;
	}
	for (size_t i = 0; i < profile->n_samples; i++)
		keys[i] = (struct sort_key){
			.thread = by_thread ? profile->samples[i].thread : 0,
			.slice = profile->samples[i].slice,
			.sample = (uint32_t)i,
		};
	qsort(keys, profile->n_samples, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < profile->n_samples; i++)
		order[i] = keys[i].sample;
	free(keys);
	*ret_order = order;
	return 0;
}

const char *stacks_thread_name(const struct profile *profile, uint32_t thread)
{
	const struct profile_thread *record = &profile->threads[thread];
	const char *name = profile_string(profile, record->name);

	if (!*name)
		name = profile_string(profile, profile->processes[record->process].comm);
	return *name ? name : "[unknown]";
}
