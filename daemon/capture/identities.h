/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Who the slots of each CPU stand for: the daemon's side of the kernel's map of that name. */

#include <stddef.h>
#include <stdint.h>

#include "daemon/capture/sample.h"

struct identities {
	struct sample_identity *slots; /* ABI_IDENTITY_SLOTS for each CPU */
	size_t n_cpus;
	uint64_t n_told;
};

/* Nobody yet. 0 or -ENOMEM. */
int identities_init(struct identities *identities, size_t n_cpus);
void identities_done(struct identities *identities);

/* Whom a slot stands for from now on. A record that is too short or of no CPU of ours says nothing. */
void identities_take(
	struct identities *identities, const struct abi_identity_record *record, size_t size);

/* NULL: there is no such slot, or nothing was told of it. */
const struct sample_identity *identities_find(
	const struct identities *identities, size_t cpu, size_t slot);
