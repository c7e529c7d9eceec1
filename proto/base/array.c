/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Growable arrays as a pointer, a count and a capacity that live in their owner's struct. */

#include "proto/base/array.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Bytes. Room that lies idle costs more from here on than growing does: the allocator moves large
 * blocks by their pages. */
#define LARGE (1u << 20)

int array_extend(void *items, size_t *n_allocated, size_t n, size_t item_size)
{
	void **array = items;
	size_t want = *n_allocated ? *n_allocated : 16;
	void *grown;

	if (n <= *n_allocated)
		return 0;
	while (want < n) {
		if (want > SIZE_MAX / 2)
			return -ENOMEM;
		want += want < LARGE / item_size ? want : want / 4 + 1;
	}
	if (want > SIZE_MAX / item_size)
		return -ENOMEM;
	grown = realloc(*array, want * item_size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*n_allocated = want;
	return 0;
}

int array_reserve(void *items, size_t *n_allocated, size_t n, size_t item_size)
{
	char **array = items;
	size_t before = *n_allocated;
	int r = array_extend(items, n_allocated, n, item_size);

	if (!r && *n_allocated > before)
		memset(*array + before * item_size, 0, (*n_allocated - before) * item_size);
	return r;
}

void array_trim(void *items, size_t *n_allocated, size_t n, size_t item_size)
{
	void **array = items;
	void *trimmed = n && n < *n_allocated ? realloc(*array, n * item_size) : NULL;

	if (!trimmed)
		return;
	*array = trimmed;
	*n_allocated = n;
}
