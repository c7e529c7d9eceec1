/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Figures of all rooms along the corridor, for a person. */

#include "daemon/pipeline-state.h"
#include "daemon/symbolize/symbolizer.h"

void pipeline_statistics(struct pipeline *pipeline, struct pipeline_statistics *ret_statistics)
{
	struct acquisition_statistics acquired;
	struct symbolizer_statistics symbols;

	acquisition_statistics(pipeline->acquisition, &acquired);
	symbolizer_statistics(pipeline->symbolizer, &symbols);
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
		.kernel_ns_per_sample = capture_kernel_ns(pipeline->capture),
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
