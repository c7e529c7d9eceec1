/* SPDX-License-Identifier: GPL-2.0-or-later */

/* GetStatus: the manager's figures, and how many clients there are. */

#include <string.h>
#include <sys/utsname.h>

#include "daemon/server/request.h"
#include "proto/base/time.h"

struct status_reply {
	struct daemon_status status;
	const char *version, *kernel;
	uint64_t uptime_ms, cpu_ms, cpu_user_ms, cpu_system_ms, helpers_user_ms, helpers_system_ms,
		kernel_ms, n_clients, store_oldest_ms, store_newest_ms;
	bool has_kernel_ns;
};

static const struct field tally_fields[] = {
	{FIELD(struct tally_item, reason, FIELD_TEXT)},
	{FIELD(struct tally_item, count, FIELD_U64)},
	{},
};

#define STATUS(name_, member_, kind_)                                                              \
	{                                                                                          \
		FIELD_AS(name_, struct status_reply, member_, kind_)                               \
	}

#define COUNTS(name_, member_)                                                                     \
	{                                                                                          \
		FIELD_AS(name_, struct status_reply, status.member_.items, FIELD_OBJECTS),         \
			.n_offset = offsetof(struct status_reply, status.member_.n),               \
			.item_size = sizeof(struct tally_item), .fields = tally_fields             \
	}

static const struct field reply_fields[] = {
	STATUS("version", version, FIELD_TEXT),
	STATUS("kernel", kernel, FIELD_TEXT),
	STATUS("uptimeMs", uptime_ms, FIELD_U64),
	STATUS("recordings", status.n_recordings, FIELD_U64),
	STATUS("profiles", status.n_profiles, FIELD_U64),
	STATUS("samplesTaken", status.n_taken, FIELD_U64),
	STATUS("samplesLost", status.n_lost, FIELD_U64),
	STATUS("samplesMissed", status.n_missed, FIELD_U64),
	STATUS("samplesKept", status.n_kept, FIELD_U64),
	COUNTS("samplesLostFor", lost),
	COUNTS("samplesTruncatedFor", truncated),
	COUNTS("samplesWithoutUserStackFor", no_user_stack),
	STATUS("event", status.event, FIELD_TEXT),
	STATUS("mappings", status.mappings, FIELD_TEXT),
	STATUS("objects", status.n_objects, FIELD_U64),
	STATUS("clients", n_clients, FIELD_U64),
	STATUS("cpuMs", cpu_ms, FIELD_U64),
	{FIELD_AS("kernelNsPerSample", struct status_reply, status.kernel_ns_per_sample,
		 FIELD_DOUBLE),
		.has_offset = offsetof(struct status_reply, has_kernel_ns)},
	STATUS("cpuUserMs", cpu_user_ms, FIELD_U64),
	STATUS("cpuSystemMs", cpu_system_ms, FIELD_U64),
	STATUS("helpersUserMs", helpers_user_ms, FIELD_U64),
	STATUS("helpersSystemMs", helpers_system_ms, FIELD_U64),
	STATUS("kernelMs", kernel_ms, FIELD_U64),
	STATUS("residentBytes", status.resident_bytes, FIELD_U64),
	STATUS("helpersResidentBytes", status.helpers_resident_bytes, FIELD_U64),
	STATUS("kernelMapBytes", status.kernel_map_bytes, FIELD_U64),
	STATUS("ownCpuPercent", status.own_cpu_percent, FIELD_DOUBLE),
	STATUS("budgetCpuPercent", status.budget_cpu_percent, FIELD_DOUBLE),
	STATUS("budgetBytes", status.budget_bytes, FIELD_U64),
	STATUS("budgetHelpersBytes", status.budget_helpers_bytes, FIELD_U64),
	STATUS("heldBack", status.held_back, FIELD_TEXT),
	STATUS("timesHeldBack", status.n_times_held, FIELD_U64),
	STATUS("rateDivisor", status.rate_divisor, FIELD_DOUBLE),
	STATUS("workers", status.n_workers, FIELD_U64),
	STATUS("workerRestarts", status.n_worker_restarts, FIELD_U64),
	STATUS("addressesWanted", status.n_wanted, FIELD_U64),
	STATUS("addressesNamed", status.n_named, FIELD_U64),
	COUNTS("framesUnnamed", unnamed),
	STATUS("debugFilesFetched", status.n_fetched, FIELD_U64),
	STATUS("debugFilesFailed", status.n_fetches_failed, FIELD_U64),
	STATUS("unwindTables", status.n_tables, FIELD_U64),
	STATUS("unwindRows", status.table_rows, FIELD_U64),
	STATUS("unwindTableBytes", status.table_bytes, FIELD_U64),
	STATUS("unwindTablesShared", status.n_tables_shared, FIELD_U64),
	STATUS("unwindTablesCompiled", status.n_tables_compiled, FIELD_U64),
	STATUS("unwindTablesFailed", status.n_tables_failed, FIELD_U64),
	STATUS("unwindTablesRefused", status.n_tables_refused, FIELD_U64),
	STATUS("unwindTablesDropped", status.n_tables_dropped, FIELD_U64),
	STATUS("cacheHits", status.n_cache_hits, FIELD_U64),
	STATUS("cacheBad", status.n_cache_bad, FIELD_U64),
	STATUS("cacheBytes", status.cache_bytes, FIELD_U64),
	STATUS("continuous", status.is_continuous, FIELD_BOOL),
	STATUS("storeState", status.store_state, FIELD_TEXT),
	STATUS("storeBytes", status.store_bytes, FIELD_U64),
	STATUS("storeWindows", status.store_windows, FIELD_U64),
	STATUS("storeOldestMs", store_oldest_ms, FIELD_U64),
	STATUS("storeNewestMs", store_newest_ms, FIELD_U64),
	STATUS("windowsStored", status.n_windows_stored, FIELD_U64),
	STATUS("windowsWaiting", status.n_windows_waiting, FIELD_U64),
	STATUS("windowsDropped", status.n_windows_dropped, FIELD_U64),
	STATUS("storeRestarts", status.n_store_restarts, FIELD_U64),
	STATUS("storesSetAside", status.n_stores_set_aside, FIELD_U64),
	{},
};

static const struct field no_fields[] = {{}};

static void start(struct request *request)
{
	const struct server_context *context = request->context;
	struct status_reply reply = {};
	struct utsname host;

	if (!request_read(request, no_fields, NULL))
		return;
	context->operations->status(context->manager, &reply.status);
	reply.store_oldest_ms = reply.status.store_oldest_ns / NS_PER_MS;
	reply.store_newest_ms = reply.status.store_newest_ns / NS_PER_MS;
	uname(&host);
	reply.version = context->config.version;
	reply.kernel = host.release;
	reply.uptime_ms = reply.status.uptime_ns / NS_PER_MS;
	reply.cpu_user_ms = reply.status.cpu_user_ns / NS_PER_MS;
	reply.cpu_system_ms = reply.status.cpu_system_ns / NS_PER_MS;
	reply.cpu_ms = (reply.status.cpu_user_ns + reply.status.cpu_system_ns) / NS_PER_MS;
	reply.helpers_user_ms = reply.status.helpers_user_ns / NS_PER_MS;
	reply.helpers_system_ms = reply.status.helpers_system_ns / NS_PER_MS;
	reply.kernel_ms = reply.status.kernel_ns / NS_PER_MS;
	reply.n_clients = server_n_connections(context->server);
	reply.has_kernel_ns = reply.status.kernel_ns_per_sample >= 0;
	request_reply(request, reply_fields, &reply);
}

const struct method method_get_status = {
	.name = CALL_INTERFACE ".GetStatus",
	.start = start,
};
