/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sorted by thread, then stack: most numbers are small differences, and what is left deflates well. */

#include "daemon/store/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* No segment inflates to more: a damaged file must not ask for all memory. */
#define SEGMENT_BYTES_MAX (UINT32_C(256) << 20)

int rows_add(struct rows *rows, const struct row *row)
{
	int r = array_reserve(&rows->items, &rows->n_allocated, rows->n + 1, sizeof(*row));

	if (!r)
		rows->items[rows->n++] = *row;
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	if (x->stop != y->stop)
		return x->stop < y->stop ? -1 : 1;
	return (x->stop_class > y->stop_class) - (x->stop_class < y->stop_class);
}

void rows_combine(struct rows *rows)
{
	size_t n = 0;

	if (!rows->n)
		return;
	qsort(rows->items, rows->n, sizeof(*rows->items), compare);
	for (size_t i = 1; i < rows->n; i++) {
		if (compare(&rows->items[n], &rows->items[i])) {
			rows->items[++n] = rows->items[i];
			continue;
		}
		rows->items[n].n += rows->items[i].n;
		rows->items[n].weight_ns += rows->items[i].weight_ns;
	}
	rows->n = n + 1;
}

void rows_done(struct rows *rows)
{
	free(rows->items);
	*rows = (struct rows){0};
}

void varint_put(struct buffer *out, uint64_t value)
{
	uint8_t bytes[10];
	size_t n = 0;

	do {
		bytes[n++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
	buffer_append(out, bytes, n);
}

int varint_get(const uint8_t **at, const uint8_t *end, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
		uint8_t byte = *(*at)++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret_value = value;
			return 0;
		}
	}
	return -EUCLEAN;
}

int rows_encode(const struct rows *rows, struct buffer *out, size_t *ret_n_bytes)
{
	CLEANUP(buffer_done) struct buffer plain = {0};
	uint32_t thread = 0, stack = 0;
	uLongf size;
	char *room;

	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->items[i];

		if (row->thread != thread)
			stack = 0;
		varint_put(&plain, row->thread - thread);
		varint_put(&plain, row->stack - stack);
		varint_put(&plain, (uint64_t)row->stop << 2 | row->stop_class);
		varint_put(&plain, (uint64_t)row->n);
		varint_put(&plain, (uint64_t)row->weight_ns);
		thread = row->thread;
		stack = row->stack;
	}
	if (buffer_error(&plain))
		return -ENOMEM;
	size = compressBound(plain.size);
	room = buffer_reserve(out, size);
	if (!room)
		return -ENOMEM;
	if (compress2((Bytef *)room, &size, (const Bytef *)(plain.data ? plain.data : ""),
		    plain.size, Z_DEFAULT_COMPRESSION) != Z_OK)
		return -ENOMEM;
	out->size += size;
	*ret_n_bytes = plain.size;
	return 0;
}

static int row_get(const uint8_t **at, const uint8_t *end, struct row *row)
{
	uint64_t numbers[5];

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (varint_get(at, end, &numbers[i]))
			return -EUCLEAN;
	if (numbers[0])
		row->stack = 0;
	row->thread += (uint32_t)numbers[0];
	row->stack += (uint32_t)numbers[1];
	row->stop = (uint32_t)(numbers[2] >> 2);
	row->stop_class = numbers[2] & 3;
	row->n = (int64_t)numbers[3];
	row->weight_ns = (int64_t)numbers[4];
	return 0;
}

int rows_decode(struct rows *rows, const void *data, size_t size, size_t n_bytes)
{
	CLEANUP(freep) uint8_t *plain = NULL;
	const uint8_t *at;
	struct row row = {0};
	uLongf inflated = n_bytes;

	if (n_bytes > SEGMENT_BYTES_MAX)
		return -EUCLEAN;
	plain = malloc(n_bytes + 1);
	if (!plain)
		return -ENOMEM;
	if (uncompress(plain, &inflated, data, size) != Z_OK || inflated != n_bytes)
		return -EUCLEAN;
	at = plain;
	while (at < plain + inflated) {
		int r = row_get(&at, plain + inflated, &row);

		if (!r)
			r = rows_add(rows, &row);
		if (r)
			return r;
	}
	return 0;
}
