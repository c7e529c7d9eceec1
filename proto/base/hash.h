/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A hash index over a dense array that its owner keeps: it stores ids (never 0), not keys. The
 * owner says by callback whether the item with an id has the key that is looked for.
 */
struct hash {
	struct hash_slot *slots;
	size_t n_slots; /* a power of two, or 0 */
	size_t n;
};

struct hash_slot {
	uint32_t hash;
	uint32_t id; /* 0: free */
};

/* Does item `id` of `table` have `key`? */
typedef bool hash_equal_function(const void *table, uint32_t id, const void *key);

/* A 32-bit hash of n bytes, mixed well enough for power-of-two tables; not against attackers. */
uint32_t hash_bytes(const void *bytes, size_t n);
/* All 64 bits of it: told apart by this, contents that nobody chose to be alike are equal. */
uint64_t hash_bytes_64(const void *bytes, size_t n);

/* Returns the id, or 0. */
uint32_t hash_find(const struct hash *hash, uint32_t value, hash_equal_function *is_equal,
	const void *table, const void *key);

/* Adds an id (> 0) that is not there yet. Returns 0 or -ENOMEM. */
int hash_add(struct hash *hash, uint32_t value, uint32_t id);

/* Removes the id stored under that hash value, if it is there. */
void hash_remove(struct hash *hash, uint32_t value, uint32_t id);

/* Nothing is in it any more; its memory stays. */
void hash_clear(struct hash *hash);

void hash_done(struct hash *hash);
