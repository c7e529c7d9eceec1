// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfctl metrics: the daemon's figures as OpenMetrics text
 * (github.com/prometheus/OpenMetrics, specification/OpenMetrics.md).
 */

#include <string.h>

#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/message.h"
#include "proto/base/cleanup.h"

enum { OPTION_SOCKET = OPTION_ID_FIRST };

static const struct option_spec options[] = {
	{OPTION_SOCKET, "socket", "PATH", "the daemon's socket (PERFCTL_SOCKET)"},
};

/* Counters get "_total" behind their name; `factor` makes the base unit of what GetStatus says. */
static const struct metric {
	const char *field, *name, *type, *help;
	double factor;
} metrics[] = {
	{"uptimeMs", "perfd_uptime_seconds", "gauge", "Time since perfd was started.", 1e-3},
	{"samplesTaken", "perfd_samples_taken", "counter", "Samples taken.", 1},
	{"samplesKept", "perfd_samples_kept", "counter",
		"Samples kept, of profiles that were finished.", 1},
	{"samplesMissed", "perfd_ticks_missed", "counter", "Timer ticks that never came.", 1},
	{"cpuMs", "perfd_cpu_seconds", "counter", "CPU time of perfd itself.", 1e-3},
	{"helpersUserMs", "perfd_helpers_user_seconds", "counter",
		"CPU time of the helpers in user mode.", 1e-3},
	{"helpersSystemMs", "perfd_helpers_system_seconds", "counter",
		"CPU time of the helpers in the kernel.", 1e-3},
	{"kernelMs", "perfd_kernel_seconds", "counter",
		"CPU time of perfd's programs in the kernel, estimated.", 1e-3},
	{"ownCpuPercent", "perfd_own_cpu_ratio", "gauge",
		"All own CPU time over the last minute, of one CPU.", 1e-2},
	{"budgetCpuPercent", "perfd_budget_cpu_ratio", "gauge", "The ceiling of that.", 1e-2},
	{"timesHeldBack", "perfd_times_held_back", "counter",
		"How often something began to be held back.", 1},
	{"rateDivisor", "perfd_rate_divisor", "gauge",
		"What the rate of continuous profiles is divided by.", 1},
	{"kernelNsPerSample", "perfd_kernel_sample_seconds", "gauge",
		"Mean time in the kernel for each sample.", 1e-9},
	{"residentBytes", "perfd_resident_bytes", "gauge", "Memory of perfd.", 1},
	{"helpersResidentBytes", "perfd_helpers_resident_bytes", "gauge", "Memory of the helpers.",
		1},
	{"kernelMapBytes", "perfd_kernel_map_bytes", "gauge", "Memory of maps in the kernel.", 1},
	{"recordings", "perfd_recordings", "gauge", "Recordings under way.", 1},
	{"clients", "perfd_clients", "gauge", "Clients.", 1},
	{"workers", "perfd_workers", "gauge", "Workers.", 1},
	{"workerRestarts", "perfd_worker_restarts", "counter", "Workers started anew.", 1},
	{"addressesWanted", "perfd_addresses_wanted", "gauge", "Addresses to name.", 1},
	{"addressesNamed", "perfd_addresses_named", "gauge", "Addresses named.", 1},
	{"debugFilesFetched", "perfd_debug_files_fetched", "counter",
		"Debug files fetched by debuginfod.", 1},
	{"debugFilesFailed", "perfd_debug_files_failed", "counter",
		"Debug files that could not be fetched.", 1},
	{"unwindTables", "perfd_unwind_tables", "gauge", "Unwind tables in use.", 1},
	{"unwindTableBytes", "perfd_unwind_table_bytes", "gauge",
		"Kernel memory set aside for unwind tables.", 1},
	{"cacheBytes", "perfd_cache_bytes", "gauge", "Cache of unwind tables on disk.", 1},
	{"continuous", "perfd_continuous", "gauge", "Whether the whole system is being recorded.",
		1},
	{"storeBytes", "perfd_store_bytes", "gauge", "Size of the store.", 1},
	{"storeWindows", "perfd_store_windows", "gauge", "Windows in the store.", 1},
	{"storeOldestMs", "perfd_store_oldest_seconds", "gauge",
		"Beginning of the oldest window, since the epoch.", 1e-3},
	{"storeNewestMs", "perfd_store_newest_seconds", "gauge",
		"End of the newest window, since the epoch.", 1e-3},
	{"windowsStored", "perfd_windows_stored", "counter", "Windows stored.", 1},
	{"windowsWaiting", "perfd_windows_waiting", "gauge", "Windows that wait in memory.", 1},
	{"windowsDropped", "perfd_windows_dropped", "counter", "Windows that were given up.", 1},
	{"storeRestarts", "perfd_store_restarts", "counter", "perfd-store was started anew.", 1},
	{"storesSetAside", "perfd_stores_set_aside", "counter", "Damaged stores put aside.", 1},
};

/* One of these words at a time. */
static const struct state_set {
	const char *field, *name, *help;
	const char *words[8];
} state_sets[] = {
	{"storeState", "perfd_store_state", "State of the store.",
		{"off", "good", "full", "read-only", "newer", "failing"}},
	{"heldBack", "perfd_held_back", "What is held back to stay within the budget.",
		{"none", "sampling", "tables", "naming", "memory"}},
};

/* Counts by a reason each. */
static const struct tally {
	const char *field, *name, *help;
} tallies[] = {
	{"samplesLostFor", "perfd_samples_lost", "Samples lost, by reason."},
	{"samplesTruncatedFor", "perfd_samples_truncated",
		"Samples kept whose stack is not complete, by reason."},
	{"samplesWithoutUserStackFor", "perfd_samples_without_user_stack",
		"Samples kept without a user stack, by reason."},
	{"framesUnnamed", "perfd_frames_unnamed", "Frames left without a name, by reason."},
};

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	struct connection_options *connection = userdata;

	connection->socket = value;
	return 0;
}

static void print_metric(const struct metric *metric, json_t *value)
{
	double number = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
	bool is_counter = !strcmp(metric->type, "counter");

	printf("# TYPE %s %s\n", metric->name, metric->type);
	printf("# HELP %s %s\n", metric->name, metric->help);
	printf("%s%s %.17g\n", metric->name, is_counter ? "_total" : "", number * metric->factor);
}

static void print_state(const struct state_set *set, json_t *value)
{
	const char *state = json_string_value(value);

	printf("# TYPE %s stateset\n# HELP %s %s\n", set->name, set->name, set->help);
	for (const char *const *word = set->words; *word; word++)
		printf("%s{%s=\"%s\"} %d\n", set->name, set->name, *word,
			state && !strcmp(state, *word));
}

static void print_tally(const struct tally *tally, json_t *value)
{
	json_t *item;
	size_t i;

	printf("# TYPE %s counter\n# HELP %s %s\n", tally->name, tally->name, tally->help);
	json_array_foreach(value, i, item) printf("%s_total{reason=\"%s\"} %.17g\n", tally->name,
		json_string_value(json_object_get(item, "reason")),
		json_number_value(json_object_get(item, "count")));
}

static void print_all(json_t *status)
{
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		json_t *value = json_object_get(status, metrics[i].field);

		/* A daemon of another version may not say it. */
		if (value && !json_is_null(value))
			print_metric(&metrics[i], value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(state_sets); i++)
		if (json_object_get(status, state_sets[i].field))
			print_state(&state_sets[i], json_object_get(status, state_sets[i].field));
	for (size_t i = 0; i < ARRAY_SIZE(tallies); i++)
		if (json_object_get(status, tallies[i].field))
			print_tally(&tallies[i], json_object_get(status, tallies[i].field));
	puts("# EOF");
}

static int run(const struct command *command, int argc, char **argv)
{
	CLEANUP(client_freep) struct client *client = NULL;
	struct connection_options connection = {0};
	struct option_arguments positional;
	struct client_error error = {0};
	json_t *status = NULL;
	int r;

	r = options_parse(command, argc, argv, on_option, &connection, &positional);
	if (r != 0)
		return options_exit_code(r);
	r = connection_open_client(&client, &connection);
	if (r != 0)
		return r;
	r = client_call_one(client, "org.perfctl.profiler.GetStatus", NULL, &status, &error);
	if (r < 0) {
		message_error("cannot get the daemon's figures: %s", error.text);
		return error.exit_code ? (int)error.exit_code : EXIT_FAILED;
	}
	print_all(status);
	json_decref(status);
	return EXIT_DONE;
}

const struct command command_metrics = {
	.name = "metrics",
	.usage = "[OPTION…]",
	.summary = "The daemon's figures as OpenMetrics text",
	.details = "Fit for the textfile collector of Prometheus' node_exporter.",
	.example = "perfctl metrics > /var/lib/prometheus/node-exporter/perfd.prom",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
