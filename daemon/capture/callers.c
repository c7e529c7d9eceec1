/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Callers are told once for a slot, and named by it until others are told for it. As with identities,
 * each CPU writes its own slots only, and the ring keeps the order: what a slot holds when a repeat comes
 * by is what the kernel compared that sample's callers with. The leaf comes with each sample; it is put
 * before the callers, so that all frames of a sample lie in one piece.
 *
 * What takes turns in a slot is not new each time that it is told: what was there before is kept, with its
 * number.
 */

#include "daemon/capture/callers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 4 MiB, and as much again for what was there before, of which only what is used is there. */
#define SLOTS_OF_ALL_CPUS 8192

struct told_callers {
	uint64_t number; /* 0: nothing was told */
	uint16_t n, n_kernel; /* frames, with the leaf */
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
	*callers = (struct callers){
		.told = calloc(2 * n_cpus * n_slots, sizeof(*callers->told)),
		.is_second = calloc(n_cpus * n_slots, sizeof(*callers->is_second)),
		.n_cpus = n_cpus,
		.n_slots = n_slots,
	};
	if (callers->told && callers->is_second)
		return 0;
	callers_done(callers);
	return -ENOMEM;
}

void callers_done(struct callers *callers)
{
	free(callers->told);
	free(callers->is_second);
	*callers = (struct callers){};
}

/* False: the record has none. */
static bool slot_find(
	const struct callers *callers, const struct abi_sample *head, size_t *ret_slot)
{
	if (head->cpu >= callers->n_cpus || head->callers >= callers->n_slots)
		return false;
	*ret_slot = head->cpu * callers->n_slots + head->callers;
	return true;
}

/* The two that take turns in a slot lie side by side: no table of places has one place for both. */
static struct told_callers *told_in(const struct callers *callers, size_t slot)
{
	return &callers->told[2 * slot + callers->is_second[slot]];
}

/* A slot has these callers from now on. */
static struct told_callers *callers_tell(
	struct callers *callers, size_t slot, const struct abi_sample *head, const uint64_t *frames)
{
	uint16_t n = head->n_kernel + head->n_user;
	struct told_callers *told;

	callers->is_second[slot] ^= 1;
	told = told_in(callers, slot);
	if (!told->number || told->n != n || told->n_kernel != head->n_kernel ||
		memcmp(told->frames + 1, frames + 1, (n - 1u) * sizeof(*frames)) != 0) {
		told->number = ++callers->n_told;
		told->n = n;
		told->n_kernel = head->n_kernel;
		memcpy(told->frames, frames, n * sizeof(*frames));
	}
	return told;
}

bool callers_find(
	struct callers *callers, const struct abi_sample *head, size_t size, struct sample *sample)
{
	const uint64_t *frames = (const uint64_t *)(head + 1);
	size_t n = (size_t)head->n_kernel + head->n_user, slot = 0;
	bool is_repeat = head->kind == ABI_RECORD_REPEAT,
	     has_slot = slot_find(callers, head, &slot);
	struct told_callers *told = NULL;

	if (size < sizeof(*head) + (is_repeat ? 1 : n) * sizeof(*frames))
		return false;
	if (has_slot && (!n || n > 1 + ABI_CALLERS_MAX))
		return false;
	if (is_repeat) {
		told = has_slot ? told_in(callers, slot) : NULL;
		if (!told || !told->number || told->n != n)
			return false;
		told->frames[0] = frames[0];
		frames = told->frames;
	} else if (has_slot) {
		told = callers_tell(callers, slot, head, frames);
	}
	if (told) {
		sample->callers = told->number;
		sample->place = (uint32_t)(told - callers->told);
	}
	sample->kernel = frames;
	sample->user = frames + head->n_kernel;
	return true;
}

bool callers_expect(
	const struct callers *callers, const struct abi_sample *head, uint32_t *ret_place)
{
	const struct told_callers *told;
	size_t slot;

	if (head->kind != ABI_RECORD_REPEAT || !slot_find(callers, head, &slot))
		return false;
	told = told_in(callers, slot);
	__builtin_prefetch(told);
	*ret_place = (uint32_t)(told - callers->told);
	return true;
}
