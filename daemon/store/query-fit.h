/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A query under way, and how its answer is kept within bounds. */

#include "daemon/store/gathering.h"
#include "daemon/store/messages.h"
#include "daemon/store/translate.h"
#include "proto/base/buffer.h"
#include "proto/base/time.h"

/* Of the answer: some ten MB of memory, and half a second for who reads it. */
#define READING_SAMPLES_MAX 100000
/* Stands for rare stacks, as the id of a stack. */
#define READING_PRUNED UINT32_MAX

#define SLICE_NS (PROFILE_SLICE_MS * NS_PER_MS)

/* What is told of the windows together. */
struct span {
	uint64_t first_ns, last_ns; /* since the epoch; last 0: no window */
	uint64_t covered_ns, missed;
	double rate_ns; /* rate times covered time */
	double rate_min, rate_max;
	uint32_t event, host, n_cpus;
	bool has_several; /* events */
};

struct reading {
	struct translation translation;
	const struct store_query *query;
	struct profile *profile;
	struct gathering gathering;
	struct span span;
	uint64_t cell_ns;
	size_t n_samples_max;
	int64_t rare; /* stacks with fewer samples became one when there were too many; 0: none */
	bool is_nameless; /* so did all processes, after all stacks */
};

/* Makes room for one more sample. 0 or a negative errno. */
int reading_fit(struct reading *reading);
/* Appends what that cost the answer, behind what stands there. */
void reading_note(const struct reading *reading, struct buffer *out);
