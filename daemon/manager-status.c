/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the daemon says of itself, gathered from the rooms that know. */

#include "daemon/continuous.h"
#include "daemon/finishing.h"
#include "daemon/manager-state.h"
#include "daemon/pipeline-statistics.h"
#include "daemon/pipeline.h"
#include "daemon/throttle.h"
#include "proto/base/time.h"

static void store_figures(struct manager *manager, struct daemon_status *status)
{
	struct store_link *store = continuous_store(manager->continuous);
	struct store_status s = {0};

	if (store)
		store_link_status(store, &s);
	status->is_continuous = continuous_is_recording(manager->continuous);
	status->store_state = store_state_word(s.state);
	status->n_windows_stored = s.n_stored;
	status->n_windows_waiting = s.n_waiting;
	status->n_windows_dropped = s.n_dropped;
	status->n_store_restarts = s.n_restarts;
	status->n_stores_set_aside = s.n_set_aside;
	status->store_bytes = s.bytes;
	status->store_windows = s.n_windows;
	status->store_oldest_ns = s.oldest_ns;
	status->store_newest_ns = s.newest_ns;
}

static void cost_figures(struct manager *manager, struct daemon_status *status)
{
	struct throttle_status t;

	throttle_status(manager->throttle, &t);
	status->cpu_user_ns = t.cost.user_ns;
	status->cpu_system_ns = t.cost.system_ns;
	status->helpers_user_ns = t.cost.helpers_user_ns;
	status->helpers_system_ns = t.cost.helpers_system_ns;
	status->kernel_ns = t.kernel_ns;
	status->resident_bytes = t.cost.resident_bytes;
	status->helpers_resident_bytes = t.cost.helpers_resident_bytes;
	status->kernel_map_bytes = t.kernel_bytes;
	status->own_cpu_percent = 100 * t.cpu;
	status->budget_cpu_percent = 100 * t.cpu_max;
	status->budget_bytes = t.own_bytes_max;
	status->budget_helpers_bytes = t.helper_bytes_max;
	status->rate_divisor = t.divisor;
	status->held_back = t.held;
	status->n_times_held = t.n_times_held;
}

void manager_status(void *userdata, struct daemon_status *ret_status)
{
	struct manager *manager = userdata;
	struct pipeline_statistics p;

	pipeline_statistics(manager->pipeline, &p);
	*ret_status = (struct daemon_status){
		.uptime_ns = time_now_ns(CLOCK_MONOTONIC) - manager->start_ns,
		.n_recordings = manager_count(manager, false, NULL),
		.n_profiles = manager_count(manager, true, NULL),
		.n_taken = p.n_taken,
		.n_lost = p.n_lost,
		.n_missed = p.n_missed,
		.n_objects = p.n_objects,
		.n_workers = p.n_workers,
		.n_worker_restarts = p.n_worker_restarts,
		.n_fetched = p.fetcher.n_fetched,
		.n_fetches_failed = p.fetcher.n_failed,
		.n_wanted = p.n_wanted,
		.n_named = p.n_named,
		.n_kept = p.sums->n_kept,
		.lost = {p.sums->lost.items, p.sums->lost.n},
		.truncated = {p.sums->truncated.items, p.sums->truncated.n},
		.no_user_stack = {p.sums->no_user_stack.items, p.sums->no_user_stack.n},
		.unnamed = {p.sums->unnamed.items, p.sums->unnamed.n},
		.n_tables = p.tables.n_tables,
		.table_rows = p.tables.n_rows,
		.table_bytes = p.tables.bytes,
		.n_tables_shared = p.tables.n_shared,
		.n_tables_compiled = p.tables.n_compiled,
		.n_tables_failed = p.tables.n_failed,
		.n_tables_refused = p.tables.n_refused,
		.n_tables_dropped = p.n_tables_dropped,
		.n_cache_hits = p.tables.n_cache_hits,
		.n_cache_bad = p.tables.n_cache_bad,
		.cache_bytes = p.tables.cache_bytes,
		.kernel_ns_per_sample = p.kernel_ns_per_sample,
		.event = p.event,
		.mappings = p.mappings,
	};
	store_figures(manager, ret_status);
	cost_figures(manager, ret_status);
}
