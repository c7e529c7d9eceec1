/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the server asks of the manager, as a struct of functions, so that the server can be tested
 * with another manager behind it, and never names one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/access/access.h"
#include "daemon/base/tally.h"
#include "daemon/server/failure.h"
#include "daemon/server/query.h"
#include "daemon/target/selector.h"
#include "proto/profile/profile.h"

#define PROFILE_ID_MAX 40

struct recording_request {
	struct selector selector;
	bool with_kernel, on_exec, is_detached;
	double frequency_hz;
	uint64_t duration_ns; /* 0: until stopped */
	const char *event; /* never NULL */
	const char *call_graph;
	const char *per; /* thread, process, cpu; or NULL */
	const char *title; /* may be NULL */
};

struct recording_state {
	char id[PROFILE_ID_MAX];
	char profile_id[PROFILE_ID_MAX]; /* "" until finished */
	const char *state; /* "preparing", "recording", "naming", "finished" */
	char target[128];
	char event[64];
	double frequency_hz;
	uint64_t elapsed_ns, n_samples, n_lost;
	uint64_t n_pending; /* preparing: files whose unwind tables are not there yet */
	uint32_t uid;
};

/* Embedded in whoever watches a recording. The callbacks come from the loop, never from the call
 * that registered it; after on_finished or on_failed none comes any more. */
struct recording_observer {
	void (*on_started)(
		struct recording_observer *observer, const struct recording_state *state);
	void (*on_finished)(struct recording_observer *observer,
		const struct recording_state *state,
		struct profile *profile); /* borrowed; sealed */
	void (*on_failed)(struct recording_observer *observer, const struct failure *failure);
};

/* What there is to name the code of a file with. */
struct examined_object {
	char path[1024]; /* as the process calls it */
	const char *path_text; /* for the method */
	bool has_symtab, has_dynsym, has_dwarf; /* in it or in its debug file */
	bool has_debug_file; /* a separate one was found */
	bool lacks_dwz_file; /* what its DWARF shares with other files' was not found */
	bool has_table; /* it says how to unwind its frames; else they need frame pointers */
	const char *why; /* it has no names at all, or NULL */
};

struct examined_process {
	struct examined_object *objects;
	size_t n;
	bool has_code; /* executable memory of no file: code that was made at run time */
	bool is_code_told; /* by a map or a jitdump file */
	const char *why; /* not; or NULL */
};

/* Told once, from the loop. */
struct examination_observer {
	void (*on_examined)(
		struct examination_observer *observer, const struct examined_process *process);
};

/* By reason; borrowed. */
struct status_counts {
	const struct tally_item *items;
	size_t n;
};

struct daemon_status {
	uint64_t uptime_ns, n_recordings, n_profiles, n_taken, n_lost, n_missed, n_objects,
		n_workers, n_worker_restarts, n_wanted, n_named, n_fetched, n_fetches_failed;
	/* Of profiles that were finished, windows among them: samples, and frames without a name. */
	uint64_t n_kept;
	struct status_counts lost, truncated, no_user_stack, unnamed;
	uint64_t n_tables, table_rows, table_bytes, n_tables_shared, n_tables_compiled,
		n_tables_failed, n_tables_refused, n_tables_dropped; /* unwind tables */
	uint64_t n_cache_hits, n_cache_bad, cache_bytes; /* the same on disk */
	const char *store_state; /* "off", "good", "full", "read-only", "newer", "failing" */
	bool is_continuous;
	uint64_t n_windows_stored, n_windows_waiting, n_windows_dropped, n_store_restarts,
		n_stores_set_aside, store_bytes, store_windows, store_oldest_ns, store_newest_ns;
	double kernel_ns_per_sample; /* < 0: not known */
	/* Own cost so far: of perfd; of its helpers, those that ended too; of its programs in the kernel. */
	uint64_t cpu_user_ns, cpu_system_ns, helpers_user_ns, helpers_system_ns, kernel_ns;
	uint64_t resident_bytes, helpers_resident_bytes, kernel_map_bytes;
	/* All of it over the last minute or so; its ceilings; what is held back, and how often that began. */
	double own_cpu_percent, budget_cpu_percent, rate_divisor;
	uint64_t budget_bytes, budget_helpers_bytes, n_times_held;
	const char *held_back; /* "none", "sampling", "tables", "naming", "memory" */
	const char *event, *mappings;
};

/*
 * `manager` is the first argument of each. Those that return int give 0, or a negative errno with
 * *ret_failure filled in. The caller is checked in here, by daemon/access, against target or owner.
 */
struct server_operations {
	/* Starts; without is_detached the recording is dropped by abandon. observer is never NULL. */
	int (*record)(void *manager, const struct access_caller *caller,
		const struct recording_request *request, struct recording_observer *observer,
		struct recording_state *ret_state, struct failure *ret_failure);
	/* The observer goes away. A recording that is not detached ends with the last one, and is
	 * thrown away; one that is goes on, even if its observer leaves before on_started. */
	void (*abandon)(void *manager, struct recording_observer *observer);
	/* Ends a recording early; the observer is told when its profile is ready. */
	int (*stop)(void *manager, const struct access_caller *caller, const char *id,
		struct recording_observer *observer, struct failure *ret_failure);
	/* State of a recording of the caller's; false: there is none. */
	bool (*state)(void *manager, const struct access_caller *caller, const char *id,
		struct recording_state *ret_state);
	/* Those that the caller may see: a malloc'ed array. 0 or -ENOMEM. */
	int (*list)(void *manager, const struct access_caller *caller,
		struct recording_state **ret_states, size_t *ret_n);
	/* A finished profile with a new reference. */
	int (*find_profile)(void *manager, const struct access_caller *caller, const char *id,
		struct profile **ret_profile, struct failure *ret_failure);
	void (*status)(void *manager, struct daemon_status *ret_status);
	/* Looks at what would name the code of a process that the caller may record. */
	int (*examine)(void *manager, const struct access_caller *caller, uint32_t pid,
		struct examination_observer *observer, struct failure *ret_failure);
	/* What was kept of a span of time, and the caller may see. */
	int (*query)(void *manager, const struct access_caller *caller,
		const struct query_request *request, struct query_observer *observer,
		struct failure *ret_failure);
	void (*abandon_query)(void *manager, struct query_observer *observer);
	void (*abandon_examination)(void *manager, struct examination_observer *observer);
};
