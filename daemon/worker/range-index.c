/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ranges sorted by start, larger first, so that a range comes after all that enclose it; `parent`
 * chains them outwards. Proper nesting is not required of the input: a parent is the nearest
 * earlier range that ends behind this range's start, and a search walks outwards until one really
 * holds the address. A range that is left behind on the way holds no later start, so the chain of
 * the last range that starts at or before an address has every range that holds it.
 */

#include "daemon/worker/range-index.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/base/array.h"

int range_index_add(
	struct range_index *index, uint64_t start, uint64_t end, uint32_t id, uint32_t rank)
{
	int r;

	if (end <= start)
		return 0;
	if (index->n >= UINT32_MAX - 1)
		return -ENOMEM;
	r = array_reserve(
		&index->ranges, &index->n_allocated, index->n + 1, sizeof(*index->ranges));
	if (r < 0)
		return r;
	index->ranges[index->n++] = (struct range){
		.start = start, .end = end, .id = id, .rank = rank};
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

void range_index_seal(struct range_index *index)
{
	size_t top = 0; /* 1 + index of the innermost open range */

	array_trim(&index->ranges, &index->n_allocated, index->n, sizeof(*index->ranges));
	if (index->n)
		qsort(index->ranges, index->n, sizeof(*index->ranges), compare);
	for (size_t i = 0; i < index->n; i++) {
		while (top && index->ranges[top - 1].end <= index->ranges[i].start)
			top = index->ranges[top - 1].parent;
		index->ranges[i].parent = (uint32_t)top;
		top = i + 1;
	}
	jump_table_make(&index->jumps,
		&(struct jump_records){index->ranges, index->n, sizeof(*index->ranges)});
}

size_t range_index_find(const struct range_index *index, uint64_t address)
{
	size_t n = jump_table_find(&index->jumps,
		&(struct jump_records){index->ranges, index->n, sizeof(*index->ranges)}, address);

	if (!n)
		return RANGE_NONE;
	if (address < index->ranges[n - 1].end)
		return n - 1;
	return range_index_outer(index, n - 1, address);
}

size_t range_index_outer(const struct range_index *index, size_t i, uint64_t address)
{
	for (uint32_t p = index->ranges[i].parent; p; p = index->ranges[p - 1].parent)
		if (address < index->ranges[p - 1].end)
			return p - 1;
	return RANGE_NONE;
}

void range_index_done(struct range_index *index)
{
	free(index->ranges);
	jump_table_done(&index->jumps);
	*index = (struct range_index){};
}
