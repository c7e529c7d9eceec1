/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Credentials and names are the same from sample to sample, so they are told once for a slot and
 * then only when they change. A sample is never taken for another's: each CPU writes its own slots
 * only, one record after another, and the ring keeps that order. What was told last for a slot, when
 * a sample of the same CPU comes by, is therefore what the kernel compared that sample's facts with.
 */

#include "daemon/capture/identities.h"

#include <errno.h>
#include <stdlib.h>

int identities_init(struct identities *identities, size_t n_cpus)
{
	struct sample_identity *slots = calloc(n_cpus * ABI_IDENTITY_SLOTS, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	*identities = (struct identities){.slots = slots, .n_cpus = n_cpus};
	return 0;
}

void identities_done(struct identities *identities)
{
	free(identities->slots);
	*identities = (struct identities){};
}

static struct sample_identity *slot_find(
	const struct identities *identities, size_t cpu, size_t slot)
{
	if (cpu >= identities->n_cpus || slot >= ABI_IDENTITY_SLOTS)
		return NULL;
	return &identities->slots[cpu * ABI_IDENTITY_SLOTS + slot];
}

void identities_take(
	struct identities *identities, const struct abi_identity_record *record, size_t size)
{
	struct sample_identity *slot;

	if (size < sizeof(*record))
		return;
	slot = slot_find(identities, record->cpu, record->slot);
	if (slot)
		*slot = (struct sample_identity){++identities->n_told, record->identity};
}

const struct sample_identity *identities_find(
	const struct identities *identities, size_t cpu, size_t slot)
{
	const struct sample_identity *found = slot_find(identities, cpu, slot);

	return found && found->number ? found : NULL;
}
