/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the corridor keeps; for pipeline.c, pipeline-recording.c and pipeline-statistics.c. */

#include "daemon/acquisition.h"
#include "daemon/finishing.h"
#include "daemon/pipeline.h"
#include "daemon/target/targets.h"
#include "proto/base/list.h"

struct pipeline {
	struct loop *loop;
	struct capture *capture;
	struct opener *opener;
	struct symbolizer *symbolizer;
	struct jit_symbols *jit_symbols;
	struct kernel_symbols *kernel_symbols;
	struct labels *labels;
	struct acquisition *acquisition;
	struct pipeline_recording *recordings[ABI_RECORDINGS_MAX];
	size_t n_recordings, n_background,
		n_examinations; /* all recordings; those in the background */
	uint64_t n_events_lost; /* when it was last looked after */
	uint64_t n_taken, n_lost, n_missed; /* of recordings that have ended */
	struct ledger_sums sums; /* of the same, and of windows */
};

struct pipeline_recording {
	struct pipeline *pipeline;
	struct pipeline_observer *observer;
	struct attribution *attribution;
	struct targets targets;
	unsigned slot;
	bool is_open, is_sampling, is_background;
	struct list finishings; /* of windows that were cut off, and of the last */
	struct abi_counters said; /* what was reported with windows; delivered: received */
	struct loop_source *go_timer; /* from pipeline_go until sampling begins */
	double frequency_hz;
	uint64_t start_ns, end_ns, n_received;
	uint64_t usage_before_ns; /* of the targets, when sampling began; UINT64_MAX: unknown */
	uint64_t scheduler_ns; /* CPU time of the targets while it sampled, once it has stopped */
	struct abi_counters counters; /* final, once it has stopped */
};

/* A recording or an examination has ended; the last one leaves nothing behind that grows. */
void pipeline_rest(struct pipeline *pipeline);
