/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The callers that the slots of each CPU stand for: the daemon's side of the kernel's map of that name. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/capture/sample.h"

struct callers {
	struct told_callers
		*told; /* n_slots for each CPU; and as many, what each of them had before */
	uint8_t *is_second; /* of each slot: its callers are among the latter */
	size_t n_cpus, n_slots;
	uint64_t n_told;
};

/* How many slots each of so many CPUs has: a power of two. */
size_t callers_slots(size_t n_cpus);

/* None yet. 0 or -ENOMEM. */
int callers_init(struct callers *callers, size_t n_cpus);
void callers_done(struct callers *callers);

/*
 * Fills in the frames of a sample, and number and place of its callers, from its record of `size` bytes, and
 * remembers them where the record says so. The frames are valid until the next call. False: the record
 * is no whole one, or of callers that nobody told.
 */
bool callers_find(
	struct callers *callers, const struct abi_sample *head, size_t size, struct sample *sample);

/*
 * Has a record that may come next callers that were told? Then what they need is fetched, and their place
 * filled in. What lies there may be anything.
 */
bool callers_expect(
	const struct callers *callers, const struct abi_sample *head, uint32_t *ret_place);
