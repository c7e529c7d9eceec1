// SPDX-License-Identifier: GPL-2.0-or-later
/* perfctl stop: ends a recording that goes on in the daemon, and fetches it. */

#include <errno.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/message.h"
#include "cli/process.h"
#include "cli/recording.h"
#include "cli/results.h"
#include "proto/base/cleanup.h"

enum { OPTION_SOCKET = OPTION_ID_FIRST };

static const struct option_spec options[] = {
	RESULT_OPTION_SPECS,
	{OPTION_SOCKET, "socket", "PATH", "the daemon's socket (PERFCTL_SOCKET)"},
};

struct arguments {
	struct connection_options connection;
	struct results results;
};

static void arguments_done(struct arguments *arguments)
{
	results_done(&arguments->results);
}

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	struct arguments *arguments = userdata;

	if (spec->id == OPTION_SOCKET) {
		arguments->connection.socket = value;
		return 0;
	}
	return results_set(&arguments->results, spec, value);
}

static int say_error(const char *id, const struct client_error *error)
{
	message_error("cannot stop recording '%s': %s", id, error->text);
	return error->exit_code ? (int)error->exit_code : EXIT_FAILED;
}

/* Outputs hold signals back; here they end the wait. What was recorded stays in the daemon. */
static int on_signal(void *userdata)
{
	message_error("given up; the daemon keeps the recording");
	return EXIT_SIGNAL + SIGINT;
}

/* What the recording is of, for the name of its file: "redis-server (4242)". */
static void find_target(struct client *client, const char *id, struct process *ret_process)
{
	struct client_error error = {0};
	json_t *reply = NULL, *item;
	size_t i;

	if (client_call_one(client, "org.perfctl.profiler.ListRecordings", NULL, &reply, &error) <
		0)
		return;
	json_array_foreach(json_object_get(reply, "recordings"), i, item)
	{
		const char *recording = json_string_value(json_object_get(item, "recording"));
		const char *target = json_string_value(json_object_get(item, "target"));

		/* Without the blank before the bracket: a name may hold others. */
		if (recording && target && strcmp(recording, id) == 0 &&
			sscanf(target, "%63[^(,](%u)", ret_process->comm, &ret_process->pid) == 2)
			ret_process->comm[strlen(ret_process->comm) - 1] = '\0';
	}
	json_decref(reply);
}

static int open_results(struct arguments *arguments, struct client *client, const char *id)
{
	struct process process = {.comm = "recording"};

	if (!results_are_asked(&arguments->results))
		find_target(client, id, &process);
	return results_open(&arguments->results, process.comm, process.pid);
}

static int stop(struct arguments *arguments, const char *id)
{
	CLEANUP(client_freep) struct client *client = NULL;
	CLEANUP(closep) int signal_fd = -1;
	CLEANUP(buffer_done) struct buffer bytes = {0};
	struct client_error error = {0};
	json_t *reply = NULL;
	const char *profile;
	sigset_t mask;
	int r;

	r = connection_open_client(&client, &arguments->connection);
	if (r != 0)
		return r;
	if (open_results(arguments, client, id) < 0)
		return EXIT_FAILED;
	signal_fd = recording_open_signals(&mask);
	client_set_wake(client, signal_fd, on_signal, NULL);
	r = client_call_one(client, "org.perfctl.profiler.Stop",
		json_pack("{s:s}", "recording", id), &reply, &error);
	if (r != 0)
		return r < 0 ? say_error(id, &error) : r;
	profile = json_string_value(json_object_get(reply, "profile"));
	r = client_get_profile(client, profile ? profile : "", &bytes, &error);
	json_decref(reply);
	if (r != 0)
		return r < 0 ? say_error(id, &error) : r;
	return results_write(&arguments->results, &bytes);
}

static int run(const struct command *command, int argc, char **argv)
{
	CLEANUP(arguments_done) struct arguments arguments = {0};
	struct option_arguments positional;
	int r;

	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	if (results_check(&arguments.results, command) < 0)
		return EXIT_USAGE;
	return stop(&arguments, positional.items[0]);
}

const struct command command_stop = {
	.name = "stop",
	.n_arguments = 1,
	.takes = "one recording's ID; 'perfctl list' shows them",
	.usage = "[OPTION…] ID",
	.summary = "End a recording and fetch it",
	.details =
		"For recordings begun by 'perfctl record --detach'. Without -o it is written into\n"
		"the current directory, and the ten hottest functions are shown.",
	.example = "perfctl stop 3f9a1c -o profile.pb.gz",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
