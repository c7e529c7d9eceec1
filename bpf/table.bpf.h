/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The row of an unwind table that is valid at an address: the last one that begins at or below it. */

/* log2 of the rows of a shard: so many halvings leave one. */
#define SEARCH_STEPS 18

/*
 * The row's 64 bits; 0 (a GAP) where the table has nothing. A global function: the verifier walks
 * the search once.
 */
__noinline __u64 row_find(__u32 index, __u64 offset)
{
	struct abi_table *table = bpf_map_lookup_elem(&tables, &index);
	__u32 first = 0, n = 0, shard = 0, zero = 0;
	struct abi_shard *rows;
	void *map;

	if (!table)
		return 0;
	for (__u32 i = 0; i < ABI_TABLE_CHUNKS_MAX; i++) {
		struct abi_chunk *chunk = &table->chunks[i];

		if (i >= table->n_chunks || offset < chunk->first_pc || offset >= chunk->end_pc)
			continue;
		shard = chunk->shard;
		first = chunk->first;
		n = chunk->n;
	}
	map = n ? bpf_map_lookup_elem(&shards, &shard) : NULL;
	rows = map ? bpf_map_lookup_elem(map, &zero) : NULL;
	if (!rows)
		return 0;
	for (int i = 0; i < SEARCH_STEPS && n > 1; i++) {
		__u32 half = n / 2;

		if (rows->rows[(first + half) & (ABI_SHARD_ROWS - 1)].pc <= offset) {
			first += half;
			n -= half;
		} else {
			n = half;
		}
	}
	return *(__u64 *)&rows->rows[first & (ABI_SHARD_ROWS - 1)];
}

/*
 * The same, remembered: the outer frames of a stack are those of the sample before. What is
 * remembered of a table that has been replaced is never found again, since no two have had the same
 * generation.
 */
static __always_inline __u64 row_recall(struct scratch *scratch, __u32 index, __u64 offset)
{
	struct abi_table *table = bpf_map_lookup_elem(&tables, &index);
	struct known_row *known;
	__u64 key;

	if (!table || offset >> 32)
		return 0;
	key = (__u64)table->generation << 32 | offset;
	known = &scratch->rows[key * 0x9e3779b97f4a7c15ull >> (64 - KNOWN_ROWS_BITS)];
	if (known->key != key) {
		known->row = row_find(index, offset);
		known->key = key;
	}
	return known->row;
}
