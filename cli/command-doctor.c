// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfctl doctor: what this host can and cannot do, and the mend for each. It exits 0 if recording
 * can work: nothing is bad, and there is a daemon, or one can be started for the command.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/doctor-process.h"
#include "cli/doctor.h"
#include "cli/message.h"
#include "cli/terminal.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/utf8.h"

enum { OPTION_SOCKET = OPTION_ID_FIRST, OPTION_JSON, OPTION_NO_DAEMON };

static const struct option_spec options[] = {
	{OPTION_JSON, "json", NULL, "for programs"},
	{'p', "pid", "PID", "what names the code of this process, and what would name more"},
	{OPTION_NO_DAEMON, "no-daemon", NULL, "ask a private perfd, with --pid"},
	{OPTION_SOCKET, "socket", "PATH", "the daemon's socket (PERFCTL_SOCKET)"},
};

struct arguments {
	struct connection_options connection;
	bool is_json;
	uint32_t pid; /* 0: about the host */
};

static const char *const state_words[] = {[DOCTOR_OK] = "ok",
	[DOCTOR_NOTE] = "note",
	[DOCTOR_BAD] = "bad",
	[DOCTOR_UNKNOWN] = "unknown"};

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	struct arguments *arguments = userdata;

	if (spec->id == OPTION_SOCKET) {
		arguments->connection.socket = value;
	} else if (spec->id == OPTION_NO_DAEMON) {
		arguments->connection.is_private = true;
	} else if (spec->id == OPTION_JSON) {
		arguments->is_json = true;
	} else if (text_parse_u32(value, &arguments->pid) < 0 || !arguments->pid) {
		message_error("option '--pid': '%s' is wrong; it takes the id of a process", value);
		return -EINVAL;
	}
	return 0;
}

/* Nothing listens: is that as bad as it gets? */
static void examine_absence(const struct client_error *error, struct doctor_finding *finding)
{
	CLEANUP(freep) char *path = private_daemon_find();

	snprintf(finding->found, sizeof(finding->found), "%.150s", error->text);
	if (doctor_may_sample() && path) {
		finding->state = DOCTOR_NOTE;
		finding->mend =
			"perfctl record starts a private perfd; to keep one: systemctl enable "
			"--now perfd.socket";
	} else {
		finding->state = DOCTOR_BAD;
		finding->mend = path ? "systemctl enable --now perfd.socket, or run perfctl as root"
				     : "install perfd";
	}
}

/* Returns what the daemon says of itself, or NULL. */
static json_t *examine_daemon(const struct arguments *arguments, struct doctor_finding *finding)
{
	CLEANUP(client_freep) struct client *client = NULL;
	struct client_error error = {0};
	json_t *status = NULL;
	const char *version, *mappings;

	if (client_connect(connection_path(&arguments->connection), &client, &error) < 0) {
		examine_absence(&error, finding);
		return NULL;
	}
	if (client_call_one(client, "org.perfctl.profiler.GetStatus", NULL, &status, &error) < 0) {
		*finding = (struct doctor_finding){
			.state = DOCTOR_BAD, .mend = "systemctl restart perfd.service"};
		snprintf(finding->found, sizeof(finding->found), "%.150s", error.text);
		return NULL;
	}
	version = json_string_value(json_object_get(status, "version"));
	mappings = json_string_value(json_object_get(status, "mappings"));
	*finding = (struct doctor_finding){.state = DOCTOR_OK};
	snprintf(finding->found, sizeof(finding->found), "version %.60s, mappings by %.60s",
		version ? version : "unknown", mappings ? mappings : "unknown");
	if (mappings && !strcmp(mappings, "mirror")) {
		finding->state = DOCTOR_NOTE;
		finding->mend =
			"nothing to do: this kernel's own tree of mappings is not known here, and "
			"what a process mapped a moment ago may be missing";
	}
	if (version && strcmp(version, PERFCTL_VERSION) != 0) {
		finding->state = DOCTOR_NOTE;
		finding->mend = "perfctl is " PERFCTL_VERSION
				"; restart the daemon after an upgrade";
	}
	return status;
}

/* The store of continuous profiles, by what the daemon says of it. */
static void examine_store(const json_t *status, struct doctor_finding *finding)
{
	static const struct {
		const char *state, *mend;
	} mends[] = {
		{"full", "make room where the store is (perfd.conf: [store] path)"},
		{"read-only", "let user perfd write where the store is (perfd.conf: [store] path)"},
		{"newer", "upgrade perfd, or put the store's file away (perfd.conf: [store] path)"},
		{"failing", "journalctl -u perfd.service says why"},
	};
	const char *state = json_string_value(json_object_get(status, "storeState"));
	json_t *n = json_object_get(status, "storeWindows");
	char size[32];

	finding->state = DOCTOR_OK;
	text_format_bytes((uint64_t)json_integer_value(json_object_get(status, "storeBytes")), size,
		sizeof(size));
	if (!state || !strcmp(state, "off"))
		snprintf(finding->found, sizeof(finding->found), "continuous profiles are off");
	else
		snprintf(finding->found, sizeof(finding->found),
			"%s: %" JSON_INTEGER_FORMAT " windows, %s", state, json_integer_value(n),
			size);
	for (size_t i = 0; state && i < ARRAY_SIZE(mends); i++)
		if (!strcmp(state, mends[i].state)) {
			finding->state = DOCTOR_NOTE;
			finding->mend = mends[i].mend;
			snprintf(finding->found, sizeof(finding->found),
				"nothing is being kept: %s", state);
		}
}

static void print_finding(const char *label, struct doctor_finding *finding, bool has_colour)
{
	static const char *const colours[] = {[DOCTOR_OK] = "\033[32m",
		[DOCTOR_NOTE] = "\033[33m",
		[DOCTOR_BAD] = "\033[31m",
		[DOCTOR_UNKNOWN] = "\033[2m"};

	utf8_sanitize(finding->found, strlen(finding->found));
	printf("%s%-8s%s %-20s %s\n", has_colour ? colours[finding->state] : "",
		state_words[finding->state], has_colour ? "\033[0m" : "", label, finding->found);
	if (finding->mend)
		printf("%-29s → %s\n", "", finding->mend);
}

static void add_json(json_t *checks, const char *name, struct doctor_finding *finding)
{
	json_t *item;

	utf8_sanitize(finding->found, strlen(finding->found));
	item = json_pack("{s:s, s:s, s:s}", "check", name, "state", state_words[finding->state],
		"found", finding->found);
	if (finding->mend)
		json_object_set_new(item, "mend", json_string(finding->mend));
	json_array_append_new(checks, item);
}

static void print_json(json_t *checks, bool can_record)
{
	CLEANUP(freep) char *text = NULL;
	json_t *all = json_pack("{s:b, s:O}", "canRecord", can_record, "checks", checks);

	text = json_dumps(all, JSON_INDENT(2));
	json_decref(all);
	printf("%s\n", text ? text : "{}");
}

struct telling {
	json_t *checks; /* NULL: print */
	bool has_colour, can_record;
};

static void tell(struct telling *telling, const char *name, const char *label,
	struct doctor_finding *finding)
{
	telling->can_record = telling->can_record && finding->state != DOCTOR_BAD;
	if (telling->checks)
		add_json(telling->checks, name, finding);
	else
		print_finding(label, finding, telling->has_colour);
}

static bool examine(const struct arguments *arguments, json_t *checks)
{
	struct telling telling = {.checks = checks,
		.has_colour = terminal_has_colour(STDOUT_FILENO),
		.can_record = true};
	struct doctor_finding daemon = {0}, store = {0};
	json_t *status;

	for (size_t i = 0; i < doctor_n_checks; i++) {
		struct doctor_finding finding = {0};

		doctor_checks[i].examine(&finding);
		tell(&telling, doctor_checks[i].name, doctor_checks[i].label, &finding);
	}
	status = examine_daemon(arguments, &daemon);
	tell(&telling, "daemon", "Daemon", &daemon);
	if (status) {
		examine_store(status, &store);
		tell(&telling, "store", "Store", &store);
		json_decref(status);
	}
	return telling.can_record;
}

/* Has the process the files of this host? */
static bool has_host_files(uint32_t pid)
{
	struct stat ours, theirs;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/root/.", pid);
	return !stat("/", &ours) && !stat(path, &theirs) && ours.st_dev == theirs.st_dev &&
		ours.st_ino == theirs.st_ino;
}

static int examine_process(const struct arguments *arguments)
{
	CLEANUP(freep) struct doctor_line *lines = NULL;
	bool has_colour = terminal_has_colour(STDOUT_FILENO);
	json_t *reply = NULL, *checks;
	size_t n;
	int r = doctor_process_ask(&arguments->connection, arguments->pid, &reply);

	if (r != 0)
		return r;
	lines = doctor_process_lines(reply, has_host_files(arguments->pid), &n);
	json_decref(reply);
	checks = json_array();
	for (size_t i = 0; i < n; i++) {
		if (arguments->is_json)
			add_json(checks, lines[i].what, &lines[i].finding);
		else
			print_finding(lines[i].what, &lines[i].finding, has_colour);
	}
	if (arguments->is_json)
		print_json(checks, true);
	json_decref(checks);
	return EXIT_DONE;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct arguments arguments = {0};
	struct option_arguments positional;
	json_t *checks;
	bool can_record;
	int r;

	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	if (arguments.pid)
		return examine_process(&arguments);
	checks = arguments.is_json ? json_array() : NULL;
	can_record = examine(&arguments, checks);
	if (checks)
		print_json(checks, can_record);
	else
		printf("\n%s\n",
			can_record ? "Recording can work here."
				   : "Recording cannot work here yet.");
	json_decref(checks);
	return can_record ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_doctor = {
	.name = "doctor",
	.usage = "[OPTION…]",
	.summary = "What this host can and cannot do, and the mend for each",
	.details =
		"With --pid, what there is to name the code of that process with: for each file that\n"
		"it has mapped, and for the code that it makes while it runs; and the package or\n"
		"the setting that would bring more.",
	.example = "perfctl doctor",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
