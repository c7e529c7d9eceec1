/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The span of all starts is divided into equal parts, about one for two records; each part knows where
 * its records begin. Between them a binary search: where starts lie unevenly, at worst in one part,
 * it is as if there were no table.
 */

#include "daemon/worker/jump-table.h"

#include <stdlib.h>
#include <string.h>

/* Below, a binary search is as quick. */
#define RECORDS_MIN 16

static uint64_t start_of(const struct jump_records *records, size_t i)
{
	uint64_t start;

	memcpy(&start, (const char *)records->records + i * records->size, sizeof(start));
	return start;
}

void jump_table_make(struct jump_table *table, const struct jump_records *records)
{
	size_t n = records->n, part = 0;
	uint64_t span;

	jump_table_done(table);
	if (n < RECORDS_MIN || n >= UINT32_MAX)
		return;
	table->base = start_of(records, 0);
	span = start_of(records, n - 1) - table->base;
	while (span >> table->shift >= n / 2)
		table->shift++;
	table->n = (span >> table->shift) + 2;
	table->firsts = malloc(table->n * sizeof(*table->firsts));
	if (!table->firsts) {
		table->n = 0;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t its_part = (start_of(records, i) - table->base) >> table->shift;

		while (part <= its_part)
			table->firsts[part++] = (uint32_t)i;
	}
	while (part < table->n)
		table->firsts[part++] = (uint32_t)n;
}

void jump_table_done(struct jump_table *table)
{
	free(table->firsts);
	*table = (struct jump_table){};
}

size_t jump_table_find(
	const struct jump_table *table, const struct jump_records *records, uint64_t address)
{
	size_t low = 0, high = records->n;

	if (table->n) {
		uint64_t part = (address - table->base) >> table->shift;

		if (address < table->base)
			return 0;
		if (part > table->n - 2)
			return high;
		low = table->firsts[part];
		high = table->firsts[part + 1];
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (start_of(records, middle) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
