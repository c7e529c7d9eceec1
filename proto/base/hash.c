/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Open addressing, linear probing, at most 3/4 full; removal shifts back, so there are no graves. */

#include "proto/base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t hash_bytes_64(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t h = 0x9e3779b97f4a7c15u ^ n;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	if (n) {
		uint64_t word = 0;

		memcpy(&word, p, n);
		h = (h ^ word) * 0xff51afd7ed558ccdu;
	}
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53u;
	return h ^ (h >> 33);
}

uint32_t hash_bytes(const void *bytes, size_t n)
{
	return (uint32_t)hash_bytes_64(bytes, n);
}

uint32_t hash_find(const struct hash *hash, uint32_t value, hash_equal_function *is_equal,
	const void *table, const void *key)
{
	size_t mask = hash->n_slots - 1;

	if (!hash->n_slots)
		return 0;
	for (size_t i = value & mask; hash->slots[i].id; i = (i + 1) & mask)
		if (hash->slots[i].hash == value && is_equal(table, hash->slots[i].id, key))
			return hash->slots[i].id;
	return 0;
}

static void slot_put(struct hash_slot *slots, size_t mask, struct hash_slot slot)
{
	size_t i = slot.hash & mask;

	while (slots[i].id)
		i = (i + 1) & mask;
	slots[i] = slot;
}

static int hash_grow(struct hash *hash)
{
	size_t n_slots = hash->n_slots ? hash->n_slots * 2 : 64;
	struct hash_slot *slots = calloc(n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < hash->n_slots; i++)
		if (hash->slots[i].id)
			slot_put(slots, n_slots - 1, hash->slots[i]);
	free(hash->slots);
	hash->slots = slots;
	hash->n_slots = n_slots;
	return 0;
}

int hash_add(struct hash *hash, uint32_t value, uint32_t id)
{
	int r;

	if (hash->n + 1 > hash->n_slots / 4 * 3) {
		r = hash_grow(hash);
		if (r < 0)
			return r;
	}
	slot_put(hash->slots, hash->n_slots - 1, (struct hash_slot){.hash = value, .id = id});
	hash->n++;
	return 0;
}

void hash_remove(struct hash *hash, uint32_t value, uint32_t id)
{
	size_t mask = hash->n_slots - 1, i, j;

	if (!hash->n_slots)
		return;
	for (i = value & mask; hash->slots[i].id != id || hash->slots[i].hash != value;
		i = (i + 1) & mask)
		if (!hash->slots[i].id)
			return;
	for (j = (i + 1) & mask; hash->slots[j].id; j = (j + 1) & mask) {
		size_t home = hash->slots[j].hash & mask;

		if (((j - home) & mask) >= ((j - i) & mask)) {
			hash->slots[i] = hash->slots[j];
			i = j;
		}
	}
	hash->slots[i].id = 0;
	hash->n--;
}

void hash_clear(struct hash *hash)
{
	if (hash->n)
		memset(hash->slots, 0, hash->n_slots * sizeof(*hash->slots));
	hash->n = 0;
}

void hash_done(struct hash *hash)
{
	free(hash->slots);
	*hash = (struct hash){};
}
