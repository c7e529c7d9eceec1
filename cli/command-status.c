// SPDX-License-Identifier: GPL-2.0-or-later
/* perfctl status: what the daemon does, loses and costs. */

#include <string.h>

#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/message.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "proto/base/utf8.h"

enum { OPTION_SOCKET = OPTION_ID_FIRST, OPTION_JSON };

static const struct option_spec options[] = {
	{OPTION_JSON, "json", NULL, "for programs: what the daemon answered"},
	{OPTION_SOCKET, "socket", "PATH", "the daemon's socket (PERFCTL_SOCKET)"},
};

enum unit { UNIT_TEXT, UNIT_COUNT, UNIT_MS, UNIT_NS, UNIT_BYTES, UNIT_PERCENT, UNIT_RATIO };

/* Fields of GetStatus, as they are shown. */
static const struct row {
	const char *field, *label;
	enum unit unit;
} rows[] = {
	{"version", "Version", UNIT_TEXT},
	{"kernel", "Kernel", UNIT_TEXT},
	{"uptimeMs", "Up for", UNIT_MS},
	{"event", "Event of 'cpu'", UNIT_TEXT},
	{"mappings", "Mappings by", UNIT_TEXT},
	{"recordings", "Recordings", UNIT_COUNT},
	{"profiles", "Profiles kept", UNIT_COUNT},
	{"clients", "Clients", UNIT_COUNT},
	{"samplesTaken", "Samples taken", UNIT_COUNT},
	{"samplesLost", "Samples lost", UNIT_COUNT},
	{"samplesMissed", "Ticks missed", UNIT_COUNT},
	{"kernelNsPerSample", "Kernel time per sample", UNIT_NS},
	{"cpuMs", "CPU time of perfd", UNIT_MS},
	{"helpersUserMs", "Helpers, in user mode", UNIT_MS},
	{"helpersSystemMs", "Helpers, in the kernel", UNIT_MS},
	{"kernelMs", "Programs in the kernel", UNIT_MS},
	{"ownCpuPercent", "Own cost, of one CPU", UNIT_PERCENT},
	{"budgetCpuPercent", "Ceiling of that", UNIT_PERCENT},
	{"heldBack", "Held back", UNIT_TEXT},
	{"timesHeldBack", "Times held back", UNIT_COUNT},
	{"rateDivisor", "Rate divided by", UNIT_RATIO},
	{"residentBytes", "Memory of perfd", UNIT_BYTES},
	{"helpersResidentBytes", "Memory of helpers", UNIT_BYTES},
	{"kernelMapBytes", "Memory in the kernel", UNIT_BYTES},
	{"objects", "Object files known", UNIT_COUNT},
	{"workers", "Workers", UNIT_COUNT},
	{"workerRestarts", "Workers restarted", UNIT_COUNT},
	{"addressesWanted", "Addresses to name", UNIT_COUNT},
	{"addressesNamed", "Addresses named", UNIT_COUNT},
	{"debugFilesFetched", "Debug files fetched", UNIT_COUNT},
	{"debugFilesFailed", "Debug files not fetched", UNIT_COUNT},
	{"unwindTables", "Unwind tables", UNIT_COUNT},
	{"unwindTableBytes", "Memory for tables", UNIT_BYTES},
	{"unwindTablesShared", "Tables shared", UNIT_COUNT},
	{"unwindTablesCompiled", "Tables compiled", UNIT_COUNT},
	{"unwindTablesFailed", "Tables that failed", UNIT_COUNT},
	{"unwindTablesRefused", "Tables refused", UNIT_COUNT},
	{"unwindTablesDropped", "Tables dropped", UNIT_COUNT},
	{"cacheHits", "Tables from the cache", UNIT_COUNT},
	{"cacheBad", "Cache files replaced", UNIT_COUNT},
	{"cacheBytes", "Cache on disk", UNIT_BYTES},
};

struct arguments {
	struct connection_options connection;
	bool is_json;
};

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	struct arguments *arguments = userdata;

	if (spec->id == OPTION_SOCKET)
		arguments->connection.socket = value;
	else
		arguments->is_json = true;
	return 0;
}

static void format_value(json_t *value, enum unit unit, char *text, size_t size)
{
	double number = json_number_value(value);

	switch (unit) {
	case UNIT_TEXT:
		snprintf(
			text, size, "%s", json_string_value(value) ? json_string_value(value) : "");
		utf8_sanitize(text, strlen(text));
		break;
	case UNIT_COUNT:
		snprintf(text, size, "%.0f", number);
		break;
	case UNIT_MS:
		text_format_duration((uint64_t)(number * NS_PER_MS), text, size);
		break;
	case UNIT_NS:
		snprintf(text, size, "%.0f ns", number);
		break;
	case UNIT_PERCENT:
		snprintf(text, size, "%.2f %%", number);
		break;
	case UNIT_RATIO:
		snprintf(text, size, "%.3g", number);
		break;
	case UNIT_BYTES:
		text_format_bytes((uint64_t)number, text, size);
		break;
	}
}

static void print_table(json_t *status)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *value = json_object_get(status, rows[i].field);
		char text[128];

		/* A daemon of another version may not say it. */
		if (!value || json_is_null(value))
			continue;
		format_value(value, rows[i].unit, text, sizeof(text));
		printf("%-24s%s\n", rows[i].label, text);
	}
}

static int run(const struct command *command, int argc, char **argv)
{
	CLEANUP(client_freep) struct client *client = NULL;
	CLEANUP(freep) char *text = NULL;
	struct arguments arguments = {0};
	struct option_arguments positional;
	struct client_error error = {0};
	json_t *status = NULL;
	int r;

	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	r = connection_open_client(&client, &arguments.connection);
	if (r != 0)
		return r;
	r = client_call_one(client, "org.perfctl.profiler.GetStatus", NULL, &status, &error);
	if (r < 0) {
		message_error("cannot get the daemon's status: %s", error.text);
		return error.exit_code ? (int)error.exit_code : EXIT_FAILED;
	}
	if (arguments.is_json) {
		text = json_dumps(status, JSON_INDENT(2));
		printf("%s\n", text ? text : "{}");
	} else {
		print_table(status);
	}
	json_decref(status);
	return EXIT_DONE;
}

const struct command command_status = {
	.name = "status",
	.usage = "[OPTION…]",
	.summary = "What the daemon does, loses and costs",
	.example = "perfctl status --json",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
