/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a profile says of itself: what became of the samples, and under which conditions they were
 * taken. Strings are ids of the profile's. */

#include <stddef.h>
#include <stdint.h>

struct profile_count {
	uint32_t reason; /* string */
	uint64_t n;
};

struct profile_unnamed {
	uint32_t reason; /* string */
	uint64_t n_frames, n_samples;
};

#define PROFILE_REASONS_MAX 32

/*
 * taken = kept + sum(lost) + not_permitted; kept = complete + sum(truncated) + no_user_stack.
 * Frames without a name are counted beside it; so are timer ticks that never came.
 */
struct profile_ledger {
	uint64_t taken, kept, not_permitted, complete, missed;
	struct profile_count lost[PROFILE_REASONS_MAX], truncated[PROFILE_REASONS_MAX],
		no_user_stack[PROFILE_REASONS_MAX];
	size_t n_lost, n_truncated, n_no_user_stack;
	struct profile_unnamed unnamed[PROFILE_REASONS_MAX];
	size_t n_unnamed;
};

/* What was asked, what was got, and where. Strings are ids. */
struct profile_conditions {
	uint32_t target, event, event_asked, call_graph, host, kernel, machine, version, notes;
	/* Where a command was run: it, and on what. Empty: not known. */
	uint32_t command, cpu_model, governor, virtualization, load;
	double frequency_asked, frequency_reached; /* Hz */
	uint64_t start_realtime_ns, duration_ns;
	uint64_t sampled_ns; /* what the kept samples stand for */
	uint64_t scheduler_ns; /* the target's own CPU time meanwhile; 0: unknown */
	uint32_t n_cpus;
};

#define PROFILE_RUNS_MAX 1000

/* One run of a command, of which the profile may hold several, one after the other. */
struct profile_run {
	uint32_t first_slice, n_slices; /* its samples are in these */
	uint32_t exit_code;
	uint64_t wall_ns, user_ns, system_ns; /* of the command and its children */
	uint64_t peak_bytes; /* resident, of the largest of them */
	uint64_t n_voluntary, n_involuntary; /* context switches */
};
