/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The last step of the corridor: what the symbolizer found, the ledger and the conditions go into
 * the profile, which is sealed then.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/symbolize/jit-symbols.h"
#include "daemon/symbolize/symbolizer.h"
#include "daemon/target/attribution.h"
#include "proto/profile/profile.h"

struct naming_request {
	const char *title, *event, *event_asked, *call_graph;
	double frequency_hz;
};

struct naming_result {
	uint64_t duration_ns;
	uint64_t scheduler_ns; /* CPU time of the target meanwhile, by the scheduler */
	uint64_t n_taken, n_lost_full, n_missed;
	uint64_t n_lost_between; /* put into the ring and never seen */
};

/* Conditions that are known at the start: what was asked, when, on which host. */
int naming_begin(struct profile *profile, const struct naming_request *request);

/* Who knows names. */
struct naming_sources {
	struct symbolizer *symbolizer;
	struct jit_symbols *jit_symbols;
};

/*
 * One recording's wait, for a bounded time, for the names that are still missing. Embedded; on_named
 * comes once, from the loop or from within naming_wait().
 */
struct naming_wait {
	struct naming_sources sources;
	int (*on_named)(void *userdata);
	void *userdata;
	unsigned n; /* who is still waited for */
};

void naming_wait(struct naming_wait *wait, const struct attributed_frame *frames, size_t n);
/* on_named does not come any more. May be called at any time, also on a zeroed one. */
void naming_cancel(struct naming_wait *wait);

/* Names those frames of files whose names are there already; the others go on waiting. */
int naming_apply_known(struct attribution *attribution, const struct naming_sources *sources);
/* Names all that wait; those that the symbolizer has not are called "gave-up", and where there is no
 * memory for names "memory-limit". */
int naming_apply(struct attribution *attribution, const struct naming_sources *sources);

/* Ledger and conditions that are known when the last sample has come; once. */
int naming_measure(struct profile *profile, const struct naming_result *result);
/* What follows from samples and names; seals. */
int naming_end(struct profile *profile);
