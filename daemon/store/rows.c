/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sorted by thread, then stack: most numbers are small differences, and what is left deflates well. */

#include "daemon/store/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/packing.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/profile/profile.h"

/* No segment inflates to more: a damaged file must not ask for all memory. */
#define SEGMENT_BYTES_MAX (UINT32_C(256) << 20)

int rows_add(struct rows *rows, const struct row *row)
{
	int r = array_reserve(&rows->items, &rows->n_allocated, rows->n + 1, sizeof(*row));

	if (!r)
		rows->items[rows->n++] = *row;
	return r;
}

int numbers_compare(const uint32_t *a, const uint32_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	const uint32_t key_x[] = {x->thread, x->stack, x->stop, x->stop_class};
	const uint32_t key_y[] = {y->thread, y->stack, y->stop, y->stop_class};

	return numbers_compare(key_x, key_y, ARRAY_SIZE(key_x));
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
		rows->items[n].n = profile_value_add(rows->items[n].n, rows->items[i].n);
		rows->items[n].weight_ns = profile_value_add(
			rows->items[n].weight_ns, rows->items[i].weight_ns);
	}
	rows->n = n + 1;
}

void rows_done(struct rows *rows)
{
	free(rows->items);
	*rows = (struct rows){0};
}

int rows_encode(const struct rows *rows, struct buffer *out, size_t *ret_n_bytes)
{
	CLEANUP(buffer_done) struct buffer plain = {0};
	uint32_t thread = 0, stack = 0;
	int r;

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
	r = deflate_append(out, plain.data, plain.size);
	if (r)
		return r;
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
	if (numbers[3] > INT64_MAX || numbers[4] > INT64_MAX)
		return -EUCLEAN;
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
	int r;

	if (n_bytes > SEGMENT_BYTES_MAX)
		return -EUCLEAN;
	plain = malloc(n_bytes + 1);
	if (!plain)
		return -ENOMEM;
	r = inflate_exactly(plain, n_bytes, data, size);
	at = plain;
	while (!r && at < plain + n_bytes) {
		r = row_get(&at, plain + n_bytes, &row);
		if (!r)
			r = rows_add(rows, &row);
	}
	return r;
}
