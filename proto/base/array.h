/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/*
 * Makes room in a growable array: on return `*items` (a pointer to the array's pointer, passed as
 * void *) has room for at least n items of item_size bytes. Grows by doubling, and by a quarter once it is
 * large; new room is zeroed.
 * Returns 0 or -ENOMEM, in which case nothing changed.
 */
int array_reserve(void *items, size_t *n_allocated, size_t n, size_t item_size);

/* The same, but what is in new room is unknown: of a large array no page is touched before it is used. */
int array_extend(void *items, size_t *n_allocated, size_t n, size_t item_size);

/* Gives back the room beyond the first n items, if there is any. */
void array_trim(void *items, size_t *n_allocated, size_t n, size_t item_size);
