/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Samples of many windows, those alike added up: what a query's answer is made of. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gathered {
	uint32_t thread; /* of the profile */
	uint32_t stack, stop; /* of the database */
	uint32_t slice;
	uint8_t stop_class;
	bool is_used;
	int64_t n, weight_ns;
};

struct gathering {
	struct gathered *slots; /* those that are not used are free */
	size_t n_slots; /* a power of two, or 0 */
	size_t n;
};

typedef int gathering_change(void *userdata, struct gathered *sample);

/* 0 or -ENOMEM. is_used need not be set. */
int gathering_add(struct gathering *gathering, const struct gathered *sample);
/* Changes each; those that are alike then are added up. 0, -ENOMEM, or what `change` gave. */
int gathering_map(struct gathering *gathering, gathering_change *change, void *userdata);
/* Ends adding: the first n slots are the samples, by time, thread and stack. */
void gathering_sort(struct gathering *gathering);
void gathering_done(struct gathering *gathering);
