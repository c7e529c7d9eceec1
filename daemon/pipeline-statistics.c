/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Figures of all rooms along the corridor, for a person and for the budget; and what the budget has
 * to say to them.
 */

#include <malloc.h>

#include "daemon/capture/capture-cost.h"
#include "daemon/pipeline-state.h"
#include "daemon/pipeline-statistics.h"
#include "daemon/symbolize/jit-symbols.h"
#include "daemon/symbolize/symbolizer.h"
#include "proto/base/time.h"

/* Longer than a window may be, with the time until it is named. */
#define JIT_AGE_NS (180 * NS_PER_SECOND)

void pipeline_statistics(struct pipeline *pipeline, struct pipeline_statistics *ret_statistics)
{
	struct acquisition_statistics acquired;
	struct symbolizer_statistics symbols;
	struct capture_cost cost;

	acquisition_statistics(pipeline->acquisition, &acquired);
	symbolizer_statistics(pipeline->symbolizer, &symbols);
	capture_cost(pipeline->capture, &cost);
	*ret_statistics = (struct pipeline_statistics){
		.n_taken = pipeline->n_taken,
		.n_lost = pipeline->n_lost,
		.n_missed = pipeline->n_missed,
		.n_objects = acquired.n_objects,
		.tables = acquired.tables,
		.n_tables_dropped = acquired.n_tables_dropped,
		.n_workers = symbols.n_workers,
		.n_worker_restarts = symbols.n_worker_restarts,
		.n_wanted = symbols.n_wanted,
		.n_named = symbols.n_named,
		.fetcher = symbols.fetcher,
		.sums = &pipeline->sums,
		.kernel_ns_per_sample = cost.tick_ns,
		.event = capture_event(pipeline->capture),
		.mappings = capture_is_mirroring(pipeline->capture) ? "mirror" : "maple-tree",
	};
	for (size_t i = 0; i < ABI_RECORDINGS_MAX; i++) {
		struct abi_counters counters;

		if (!pipeline->recordings[i])
			continue;
		pipeline_counters(pipeline->recordings[i], &counters);
		ret_statistics->n_taken += counters.taken;
		ret_statistics->n_lost += counters.lost_full;
		ret_statistics->n_missed += counters.missed;
	}
}

void pipeline_cost(const struct pipeline *pipeline, struct pipeline_cost *ret_cost)
{
	struct acquisition_statistics acquired;
	struct capture_cost kernel;

	acquisition_statistics(pipeline->acquisition, &acquired);
	capture_cost(pipeline->capture, &kernel);
	*ret_cost = (struct pipeline_cost){
		.ticks_ns = kernel.ticks_ns,
		.tasks_ns = kernel.tasks_ns,
		.tables_ns = acquisition_cpu_ns(pipeline->acquisition),
		.naming_ns = symbolizer_cpu_ns(pipeline->symbolizer) +
			jit_symbols_cpu_ns(pipeline->jit_symbols),
		.kernel_bytes = capture_map_bytes(pipeline->capture) + acquired.tables.bytes,
		.is_in_foreground = pipeline->n_recordings > pipeline->n_background ||
			pipeline->n_examinations,
	};
}

void pipeline_set_shares(struct pipeline *pipeline, double tables, double naming)
{
	acquisition_set_share(pipeline->acquisition, tables);
	symbolizer_set_share(pipeline->symbolizer, naming);
}

void pipeline_age(struct pipeline *pipeline, uint64_t age_ns)
{
	if (pipeline->n_recordings > pipeline->n_background)
		return;
	capture_drain(pipeline->capture);
	acquisition_age(pipeline->acquisition, age_ns);
	acquisition_trim(pipeline->acquisition);
	symbolizer_age(pipeline->symbolizer);
	jit_symbols_age(pipeline->jit_symbols, JIT_AGE_NS);
	malloc_trim(0);
}

void pipeline_part(struct pipeline *pipeline, uint64_t idle_ns)
{
	if (pipeline->n_recordings > pipeline->n_background)
		return;
	capture_drain(pipeline->capture);
	acquisition_part(pipeline->acquisition, idle_ns);
}

void pipeline_trim(struct pipeline *pipeline)
{
	acquisition_trim(pipeline->acquisition);
	symbolizer_trim(pipeline->symbolizer);
}
