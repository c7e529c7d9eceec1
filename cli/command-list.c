// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfctl list: recordings under way, and the processes worth a look. How busy they are is measured
 * here and now, over a fraction of a second.
 */

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/message.h"
#include "cli/process.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "proto/base/utf8.h"

#define INTERVAL_NS (500 * NS_PER_MS)
#define PROCESSES_MAX 15

enum { OPTION_SOCKET = OPTION_ID_FIRST, OPTION_JSON, OPTION_NAMES };

static const struct option_spec options[] = {
	{OPTION_JSON, "json", NULL, "for programs"},
	{OPTION_NAMES, "names", "WHAT", "only names, a line each: pids, units or containers"},
	{OPTION_SOCKET, "socket", "PATH", "the daemon's socket (PERFCTL_SOCKET)"},
};

static const char *const names_words[] = {"pids", "units", "containers"};
enum { NAMES_PIDS, NAMES_UNITS, NAMES_CONTAINERS };

struct arguments {
	struct connection_options connection;
	bool is_json, has_names;
	size_t names;
};

struct busy {
	struct process process;
	double share; /* of one CPU */
};

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	struct arguments *arguments = userdata;

	if (spec->id == OPTION_NAMES) {
		arguments->has_names = true;
		return option_parse_word(
			spec, value, names_words, ARRAY_SIZE(names_words), &arguments->names);
	}
	if (spec->id == OPTION_SOCKET)
		arguments->connection.socket = value;
	else
		arguments->is_json = true;
	return 0;
}

static int compare_busy(const void *left, const void *right)
{
	const struct busy *a = left, *b = right;

	if (a->share != b->share)
		return a->share < b->share ? 1 : -1;
	return a->process.pid < b->process.pid ? -1 : 1;
}

static int compare_pids(const void *left, const void *right)
{
	const struct process *a = left, *b = right;

	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

/* Two looks, INTERVAL_NS apart. */
static int find_busy(struct busy **ret_busy, size_t *ret_n)
{
	CLEANUP(freep) struct process *before = NULL, *after = NULL;
	struct timespec interval = {.tv_nsec = (long)INTERVAL_NS};
	size_t n_before, n_after;
	struct busy *busy;
	int r;

	r = process_read_all(&before, &n_before);
	if (r < 0)
		return r;
	nanosleep(&interval, NULL);
	r = process_read_all(&after, &n_after);
	if (r < 0)
		return r;
	busy = calloc(n_after + 1, sizeof(*busy));
	if (!busy)
		return -ENOMEM;
	qsort(before, n_before, sizeof(*before), compare_pids);
	for (size_t i = 0; i < n_after; i++) {
		const struct process *old = n_before
			? bsearch(&after[i], before, n_before, sizeof(*before), compare_pids)
			: NULL;
		uint64_t old_ns = old ? old->cpu_ns : 0;

		busy[i].process = after[i];
		if (after[i].cpu_ns > old_ns)
			busy[i].share = (double)(after[i].cpu_ns - old_ns) / (double)INTERVAL_NS;
	}
	qsort(busy, n_after, sizeof(*busy), compare_busy);
	*ret_busy = busy;
	*ret_n = n_after;
	return 0;
}

/* A unit or a container with what its processes use together. */
struct owner {
	const char *name; /* of one of the processes */
	size_t n_processes;
	double share;
	uint64_t cpu_ns;
};

static int compare_names(const void *left, const void *right)
{
	return strcmp(((const struct owner *)left)->name, ((const struct owner *)right)->name);
}

static int compare_owners(const void *left, const void *right)
{
	const struct owner *a = left, *b = right;

	if (a->share != b->share)
		return a->share < b->share ? 1 : -1;
	if (a->cpu_ns != b->cpu_ns)
		return a->cpu_ns < b->cpu_ns ? 1 : -1;
	return strcmp(a->name, b->name);
}

/* The busiest first; malloc'ed. NULL without memory. */
static struct owner *find_owners(
	const struct busy *busy, size_t n, bool is_by_container, size_t *ret_n)
{
	struct owner *owners = calloc(n + 1, sizeof(*owners));
	size_t n_named = 0, n_owners = 0;

	if (!owners)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const struct process *process = &busy[i].process;
		const char *name = is_by_container ? process->container : process->unit;

		if (*name)
			owners[n_named++] = (struct owner){name, 1, busy[i].share, process->cpu_ns};
	}
	qsort(owners, n_named, sizeof(*owners), compare_names);
	for (size_t i = 0; i < n_named; i++) {
		struct owner *last = n_owners ? &owners[n_owners - 1] : NULL;

		if (!last || strcmp(last->name, owners[i].name) != 0) {
			owners[n_owners++] = owners[i];
			continue;
		}
		last->n_processes++;
		last->share += owners[i].share;
		last->cpu_ns += owners[i].cpu_ns;
	}
	qsort(owners, n_owners, sizeof(*owners), compare_owners);
	*ret_n = n_owners;
	return owners;
}

static int print_owners(const char *title, const struct busy *busy, size_t n, bool is_by_container)
{
	size_t n_owners;
	CLEANUP(freep) struct owner *owners = find_owners(busy, n, is_by_container, &n_owners);
	char time[32];

	if (!owners)
		return -ENOMEM;
	if (!n_owners)
		return 0;
	printf("%s:\n   CPU now  CPU time    PROCESSES  NAME\n", title);
	for (size_t i = 0; i < n_owners && i < PROCESSES_MAX; i++)
		printf("%8.1f %%  %-10s  %9zu  %s\n", 100 * owners[i].share,
			text_format_duration(owners[i].cpu_ns, time, sizeof(time)),
			owners[i].n_processes, owners[i].name);
	printf("\n");
	return 0;
}

/* For completion. */
static int print_names(size_t what)
{
	CLEANUP(freep) struct process *processes = NULL;
	CLEANUP(freep) struct busy *busy = NULL;
	CLEANUP(freep) struct owner *owners = NULL;
	size_t n, n_owners;
	int r = process_read_all(&processes, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && what == NAMES_PIDS; i++)
		printf("%u\t%s\n", processes[i].pid, processes[i].comm);
	if (what == NAMES_PIDS)
		return 0;
	busy = calloc(n + 1, sizeof(*busy));
	if (!busy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		busy[i].process = processes[i];
	owners = find_owners(busy, n, what == NAMES_CONTAINERS, &n_owners);
	if (!owners)
		return -ENOMEM;
	for (size_t i = 0; i < n_owners; i++)
		printf("%s\n", owners[i].name);
	return 0;
}

static void print_busy(const struct busy *busy, size_t n)
{
	printf("Busiest processes:\n     PID   CPU now  CPU time    USER          NAME\n");
	for (size_t i = 0; i < n && i < PROCESSES_MAX; i++) {
		struct passwd *user = getpwuid(busy[i].process.uid);
		char name[32], time[32];

		if (user)
			snprintf(name, sizeof(name), "%s", user->pw_name);
		else
			snprintf(name, sizeof(name), "%u", busy[i].process.uid);
		printf("%8u  %6.1f %%  %-10s  %-12s  %s\n", busy[i].process.pid,
			100 * busy[i].share,
			text_format_duration(busy[i].process.cpu_ns, time, sizeof(time)), name,
			busy[i].process.comm);
	}
}

/* A text of the daemon's that is fit for a terminal. */
static const char *text_of(json_t *object, const char *key, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, key));

	snprintf(text, size, "%s", value ? value : "");
	utf8_sanitize(text, strlen(text));
	return text;
}

static void print_recordings(json_t *recordings)
{
	size_t i;
	json_t *item;

	if (!json_array_size(recordings)) {
		printf("No recordings under way.\n\n");
		return;
	}
	printf("Recordings:\n  %-12s %-10s %9s %9s  TARGET\n", "ID", "STATE", "ELAPSED", "SAMPLES");
	json_array_foreach(recordings, i, item)
	{
		char id[64], state[32], target[160], elapsed[32];
		json_int_t ms = json_integer_value(json_object_get(item, "elapsedMs"));

		printf("  %-12s %-10s %9s %9lld  %s\n", text_of(item, "recording", id, sizeof(id)),
			text_of(item, "state", state, sizeof(state)),
			text_format_duration((uint64_t)ms * NS_PER_MS, elapsed, sizeof(elapsed)),
			(long long)json_integer_value(json_object_get(item, "samples")),
			text_of(item, "target", target, sizeof(target)));
	}
	printf("\n");
}

static json_t *busy_to_json(const struct busy *busy, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n && i < PROCESSES_MAX; i++)
		json_array_append_new(list,
			json_pack("{s:I, s:s, s:I, s:f, s:I}", "pid",
				(json_int_t)busy[i].process.pid, "name", busy[i].process.comm,
				"uid", (json_int_t)busy[i].process.uid, "cpuShare", busy[i].share,
				"cpuMs", (json_int_t)(busy[i].process.cpu_ns / NS_PER_MS)));
	return list;
}

/* NULL without memory. */
static json_t *owners_to_json(const struct busy *busy, size_t n, bool is_by_container)
{
	size_t n_owners;
	CLEANUP(freep) struct owner *owners = find_owners(busy, n, is_by_container, &n_owners);
	json_t *list = owners ? json_array() : NULL;

	for (size_t i = 0; list && i < n_owners; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:I, s:f, s:I}", "name", owners[i].name, "processes",
				(json_int_t)owners[i].n_processes, "cpuShare", owners[i].share,
				"cpuMs", (json_int_t)(owners[i].cpu_ns / NS_PER_MS)));
	return list;
}

static int print_json(json_t *recordings, const struct busy *busy, size_t n)
{
	CLEANUP(freep) char *text = NULL;
	json_t *all = json_pack("{s:O, s:o, s:o, s:o}", "recordings", recordings, "units",
		owners_to_json(busy, n, false), "containers", owners_to_json(busy, n, true),
		"processes", busy_to_json(busy, n));

	text = all ? json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;
	json_decref(all);
	if (!text)
		return -ENOMEM;
	printf("%s\n", text);
	return 0;
}

/* Recordings, as a new reference: an empty list where the daemon cannot be asked, which is said. */
static json_t *fetch_recordings(const struct arguments *arguments, int *ret_exit)
{
	CLEANUP(client_freep) struct client *client = NULL;
	struct client_error error = {0};
	json_t *reply = NULL, *recordings;

	*ret_exit = connection_open_client(&client, &arguments->connection);
	if (*ret_exit != 0)
		return json_array();
	if (client_call_one(client, "org.perfctl.profiler.ListRecordings", NULL, &reply, &error) <
		0) {
		message_error("cannot list recordings: %s", error.text);
		*ret_exit = error.exit_code ? (int)error.exit_code : EXIT_FAILED;
		return json_array();
	}
	recordings = json_incref(json_object_get(reply, "recordings"));
	json_decref(reply);
	return recordings ? recordings : json_array();
}

static int run(const struct command *command, int argc, char **argv)
{
	CLEANUP(freep) struct busy *busy = NULL;
	struct arguments arguments = {0};
	struct option_arguments positional;
	json_t *recordings;
	size_t n = 0;
	int r, exit_code;

	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	if (arguments.has_names) {
		r = print_names(arguments.names);
		if (r < 0)
			message_error("cannot list processes: %s", strerror(-r));
		return r < 0 ? EXIT_FAILED : EXIT_DONE;
	}
	recordings = fetch_recordings(&arguments, &exit_code);
	r = find_busy(&busy, &n);
	if (r == 0 && arguments.is_json)
		r = print_json(recordings, busy, n);
	else if (r == 0) {
		if (exit_code == EXIT_DONE)
			print_recordings(recordings);
		r = print_owners("Units", busy, n, false);
		if (!r)
			r = print_owners("Containers", busy, n, true);
		print_busy(busy, n);
	}
	json_decref(recordings);
	if (r < 0) {
		message_error("cannot list processes: %s", strerror(-r));
		return EXIT_FAILED;
	}
	return exit_code;
}

const struct command command_list = {
	.name = "list",
	.usage = "[OPTION…]",
	.summary = "Recordings under way, and what is worth recording",
	.example = "perfctl list",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
