/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The samples of a window, as a segment holds them. */

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buffer.h"

struct row {
	uint32_t thread, stack, stop; /* ids of the database; stop: of str, 0: complete */
	uint32_t stop_class; /* enum profile_stop_class */
	int64_t n, weight_ns;
};

struct rows {
	struct row *items;
	size_t n, n_allocated;
};

/* 0 or -ENOMEM. */
int rows_add(struct rows *rows, const struct row *row);
/* By the first of them that differ: -1, 0 or 1. */
int numbers_compare(const uint32_t *a, const uint32_t *b, size_t n);
/* Sorts; those of the same thread, stack and stop become one. */
void rows_combine(struct rows *rows);
void rows_done(struct rows *rows);

/* Appends combined rows as delta varints, deflated; *ret_n_bytes is what they inflate to. 0 or -ENOMEM. */
int rows_encode(const struct rows *rows, struct buffer *out, size_t *ret_n_bytes);
/* Adds what was encoded. 0, -ENOMEM, or -EUCLEAN (it is damaged). */
int rows_decode(struct rows *rows, const void *data, size_t size, size_t n_bytes);
