/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Open addressing, at most half full. */

#include "daemon/store/gathering.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/store/rows.h"
#include "proto/base/cleanup.h"
#include "proto/base/hash.h"
#include "proto/profile/profile.h"

#define SLOTS_MIN 4096

static bool is_alike(const struct gathered *a, const struct gathered *b)
{
	return a->stack == b->stack && a->thread == b->thread && a->slice == b->slice &&
		a->stop == b->stop && a->stop_class == b->stop_class;
}

/* Its slot, or the free one where it belongs. */
static struct gathered *slot_of(const struct gathering *gathering, const struct gathered *sample)
{
	const uint32_t key[] = {
		sample->stack, sample->thread, sample->slice, sample->stop, sample->stop_class};
	size_t at = hash_bytes(key, sizeof(key));

	for (;; at++) {
		struct gathered *slot = &gathering->slots[at & (gathering->n_slots - 1)];

		if (!slot->is_used || is_alike(slot, sample))
			return slot;
	}
}

static void put(struct gathering *gathering, const struct gathered *sample)
{
	struct gathered *slot = slot_of(gathering, sample);

	if (slot->is_used) {
		slot->n = profile_value_add(slot->n, sample->n);
		slot->weight_ns = profile_value_add(slot->weight_ns, sample->weight_ns);
		return;
	}
	*slot = *sample;
	slot->is_used = true;
	gathering->n++;
}

static int grow(struct gathering *gathering)
{
	struct gathering larger = {
		.n_slots = gathering->n_slots ? gathering->n_slots * 2 : SLOTS_MIN,
	};

	larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < gathering->n_slots; i++)
		if (gathering->slots[i].is_used)
			put(&larger, &gathering->slots[i]);
	gathering_done(gathering);
	*gathering = larger;
	return 0;
}

int gathering_add(struct gathering *gathering, const struct gathered *sample)
{
	int r = gathering->n * 2 >= gathering->n_slots ? grow(gathering) : 0;

	if (!r)
		put(gathering, sample);
	return r;
}

int gathering_map(struct gathering *gathering, gathering_change *change, void *userdata)
{
	struct gathering changed = {0};
	int r = 0;

	for (size_t i = 0; i < gathering->n_slots && !r; i++) {
		struct gathered sample = gathering->slots[i];

		if (!sample.is_used)
			continue;
		r = change(userdata, &sample);
		if (!r)
			r = gathering_add(&changed, &sample);
	}
	if (r) {
		gathering_done(&changed);
		return r;
	}
	gathering_done(gathering);
	*gathering = changed;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct gathered *x = a, *y = b;
	const uint32_t key_x[] = {x->slice, x->thread, x->stack, x->stop, x->stop_class};
	const uint32_t key_y[] = {y->slice, y->thread, y->stack, y->stop, y->stop_class};

	return numbers_compare(key_x, key_y, ARRAY_SIZE(key_x));
}

void gathering_sort(struct gathering *gathering)
{
	size_t n = 0;

	for (size_t i = 0; i < gathering->n_slots; i++)
		if (gathering->slots[i].is_used)
			gathering->slots[n++] = gathering->slots[i];
	if (n)
		qsort(gathering->slots, n, sizeof(*gathering->slots), compare);
}

void gathering_done(struct gathering *gathering)
{
	free(gathering->slots);
	*gathering = (struct gathering){0};
}
