/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/worker/jump-table.h"

/*
 * Which of many address ranges hold an address? Ranges may nest; sorted once, then each question
 * is a binary search.
 */
struct range {
	uint64_t start, end; /* [start, end) */
	uint32_t id; /* the owner's */
	uint32_t rank; /* of two equal ranges the higher rank is found first (is inside) */
	uint32_t parent; /* 1 + index of the range around it; 0: none. Set by the seal */
};

struct range_index {
	struct range *ranges;
	size_t n, n_allocated;
	struct jump_table jumps; /* made by the seal */
};

#define RANGE_NONE SIZE_MAX

/* Empty ranges are ignored. 0 or -ENOMEM. */
int range_index_add(
	struct range_index *index, uint64_t start, uint64_t end, uint32_t id, uint32_t rank);
void range_index_seal(struct range_index *index);

/* Index of the innermost range with that address, or RANGE_NONE. */
size_t range_index_find(const struct range_index *index, uint64_t address);
/* The next one around range i that holds the address, or RANGE_NONE. */
size_t range_index_outer(const struct range_index *index, size_t i, uint64_t address);

void range_index_done(struct range_index *index);
