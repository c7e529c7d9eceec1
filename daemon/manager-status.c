/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the daemon says of itself, gathered from the rooms that know. */

#include <stdio.h>
#include <unistd.h>

#include "daemon/continuous.h"
#include "daemon/manager-state.h"
#include "daemon/pipeline.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

static uint64_t resident_bytes(void)
{
	CLEANUP(freep) char *text = NULL;
	unsigned long long pages = 0;

	if (text_read_file(-1, "/proc/self/statm", 256, &text, NULL) == 0)
		sscanf(text, "%*u %llu", &pages);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

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
		.cpu_ns = time_now_ns(CLOCK_PROCESS_CPUTIME_ID),
		.resident_bytes = resident_bytes(),
		.n_workers = p.n_workers,
		.n_worker_restarts = p.n_worker_restarts,
		.n_wanted = p.n_wanted,
		.n_named = p.n_named,
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
}
