/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where to begin a search among records that are sorted by address. A binary search in a large array
 * costs a cache miss for nearly each of its steps; code lies so evenly that dividing finds the right
 * place at once, but for the last steps.
 */

#include <stddef.h>
#include <stdint.h>

struct jump_table {
	uint32_t *firsts; /* [i]: how many records start below base + (i << shift) */
	size_t n; /* 0: there is none, which is slower */
	uint64_t base;
	unsigned shift;
};

/* What is searched: n records of `size` bytes each, of which the first eight are the start. */
struct jump_records {
	const void *records;
	size_t n, size;
};

void jump_table_make(struct jump_table *table, const struct jump_records *records);
void jump_table_done(struct jump_table *table);

/* How many records start at or before the address. */
size_t jump_table_find(
	const struct jump_table *table, const struct jump_records *records, uint64_t address);
