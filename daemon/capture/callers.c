/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Callers are told once for a slot, and named by it until others are told for it. As with identities,
 * each CPU writes its own slots only, and the ring keeps the order: what a slot holds when a repeat comes
 * by is what the kernel compared that sample's callers with. The leaf comes with each sample; it is put
 * before the callers, so that all frames of a sample lie in one piece.
 */

#include "daemon/capture/callers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 4 MiB, of which only what is used is there. */
#define SLOTS_OF_ALL_CPUS 8192

struct told_callers {
	uint64_t number; /* 0: nothing was told */
	size_t n; /* frames, with the leaf */
	uint64_t frames[1 + ABI_CALLERS_MAX]; /* a leaf, and the callers */
};

size_t callers_slots(size_t n_cpus)
{
	size_t n = ABI_CALLERS_SLOTS_MAX;

	while (n > ABI_CALLERS_SLOTS_MIN && n * n_cpus > SLOTS_OF_ALL_CPUS)
		n /= 2;
	return n;
}

int callers_init(struct callers *callers, size_t n_cpus)
{
	size_t n_slots = callers_slots(n_cpus);
	struct told_callers *slots = calloc(n_cpus * n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	*callers = (struct callers){.slots = slots, .n_cpus = n_cpus, .n_slots = n_slots};
	return 0;
}

void callers_done(struct callers *callers)
{
	free(callers->slots);
	*callers = (struct callers){};
}

static struct told_callers *slot_find(const struct callers *callers, const struct abi_sample *head)
{
	if (head->cpu >= callers->n_cpus || head->callers >= callers->n_slots)
		return NULL;
	return &callers->slots[head->cpu * callers->n_slots + head->callers];
}

bool callers_find(
	struct callers *callers, const struct abi_sample *head, size_t size, struct sample *sample)
{
	struct told_callers *slot = slot_find(callers, head);
	const uint64_t *frames = (const uint64_t *)(head + 1);
	size_t n = (size_t)head->n_kernel + head->n_user;
	bool is_repeat = head->kind == ABI_RECORD_REPEAT;

	if (size < sizeof(*head) + (is_repeat ? 1 : n) * sizeof(*frames))
		return false;
	if (is_repeat ? !slot || !slot->number || slot->n != n : slot && n > 1 + ABI_CALLERS_MAX)
		return false;
	if (is_repeat) {
		slot->frames[0] = frames[0];
		frames = slot->frames;
	} else if (slot) {
		slot->number = ++callers->n_told;
		slot->n = n;
		memcpy(slot->frames, frames, n * sizeof(*frames));
	}
	if (slot) {
		sample->callers = slot->number;
		sample->place = (uint32_t)(slot - callers->slots);
	}
	sample->kernel = frames;
	sample->user = frames + head->n_kernel;
	return true;
}

bool callers_expect(
	const struct callers *callers, const struct abi_sample *head, uint32_t *ret_place)
{
	const struct told_callers *slot = slot_find(callers, head);

	if (head->kind != ABI_RECORD_REPEAT || !slot)
		return false;
	__builtin_prefetch(slot);
	*ret_place = (uint32_t)(slot - callers->slots);
	return true;
}
