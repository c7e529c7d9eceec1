// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfctl record. The order is what matters: the line is understood, the target looked at, the
 * outputs opened, the daemon reached, and only then anything is started.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/recording.h"
#include "cli/results.h"
#include "cli/runs.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/profile/pprof.h"

#define FREQUENCY_DEFAULT_HZ 99

enum {
	OPTION_CALL_GRAPH = OPTION_ID_FIRST,
	OPTION_KERNEL,
	OPTION_DELAY,
	OPTION_DETACH,
	OPTION_NO_DAEMON,
	OPTION_SOCKET,
	OPTION_TITLE,
	OPTION_PER,
	OPTION_RUNS,
	OPTION_WARM_UP,
};

static const struct option_spec options[] = {
	TARGET_OPTION_SPECS,
	{'F', "frequency", "HZ", "samples per second of CPU time (99)"},
	{'d', "duration", "TIME", "so long, as 10 or 1m30s; else until Ctrl-C, which keeps all"},
	{'e', "event", "EVENT", "cpu (default), cpu-clock, or what the daemon offers"},
	{OPTION_CALL_GRAPH, "call-graph", "HOW", "auto (default), dwarf, fp or none"},
	{OPTION_KERNEL, "kernel", "yes|no", "record kernel functions too (yes)"},
	{OPTION_PER, "per", "WHAT", "thread, process or cpu as the root of all stacks"},
	{OPTION_DELAY, "delay", "TIME", "begin so much later"},
	{OPTION_DETACH, "detach", NULL, "go on in the daemon: see perfctl list, perfctl stop"},
	RESULT_OPTION_SPECS,
	{OPTION_TITLE, "title", "TEXT", "what the target is called in summary and pictures"},
	{OPTION_SOCKET, "socket", "PATH", "the daemon's socket (PERFCTL_SOCKET)"},
	{OPTION_NO_DAEMON, "no-daemon", NULL, "use a private perfd for this command"},
	{OPTION_RUNS, "runs", "N", "run COMMAND so often, one after the other, into one profile"},
	{OPTION_WARM_UP, "warm-up", "N", "runs before those of --runs that do not count (1)"},
};

struct arguments {
	struct recording_request request;
	struct connection_options connection;
	struct results results;
	uint64_t delay_ns;
	struct target target;
	uint32_t n_runs, n_warm_ups;
	char **argv; /* of COMMAND, ended by NULL; or NULL */
	int command_exit; /* what COMMAND ended with, if has_run */
	bool has_run, is_unrunnable;
};

static void arguments_done(struct arguments *arguments)
{
	results_done(&arguments->results);
}

static int set_kernel(
	struct arguments *arguments, const struct option_spec *spec, const char *value)
{
	bool is;
	int r;

	r = option_parse_boolean(spec, value, &is);
	if (r < 0)
		return r;
	arguments->request.has_kernel = is;
	arguments->request.has_no_kernel = !is;
	return 0;
}

static int set_call_graph(
	struct arguments *arguments, const struct option_spec *spec, const char *value)
{
	static const char *const words[] = {"auto", "dwarf", "fp", "none"};
	size_t index;
	int r;

	r = option_parse_word(spec, value, words, ARRAY_SIZE(words), &index);
	if (r == 0)
		arguments->request.call_graph = words[index];
	return r;
}

static int set_per(struct arguments *arguments, const struct option_spec *spec, const char *value)
{
	static const char *const words[] = {"thread", "process", "cpu"};
	size_t index;
	int r;

	r = option_parse_word(spec, value, words, ARRAY_SIZE(words), &index);
	if (r == 0)
		arguments->request.per = words[index];
	return r;
}

static int set_text(const struct option_spec *spec, const char *value, const char **text)
{
	if (!*value) {
		message_error("option '--%s': the value is empty", spec->name);
		return -EINVAL;
	}
	*text = value;
	return 0;
}

static int on_target_option(
	struct arguments *arguments, const struct option_spec *spec, const char *value)
{
	int r = target_set(&arguments->target, spec, value);

	if (r != TARGET_FOREIGN)
		return r;
	return results_set(&arguments->results, spec, value);
}

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	struct arguments *arguments = userdata;
	struct recording_request *request = &arguments->request;

	switch (spec->id) {
	case 'F':
		return option_parse_frequency(spec, value, &request->frequency_hz);
	case 'd':
		return option_parse_duration(spec, value, &request->duration_ns);
	case 'e':
		return set_text(spec, value, &request->event);
	case OPTION_CALL_GRAPH:
		return set_call_graph(arguments, spec, value);
	case OPTION_KERNEL:
		return set_kernel(arguments, spec, value);
	case OPTION_PER:
		return set_per(arguments, spec, value);
	case OPTION_DELAY:
		return option_parse_duration(spec, value, &arguments->delay_ns);
	case OPTION_DETACH:
		request->is_detached = true;
		return 0;
	case OPTION_TITLE:
		return set_text(spec, value, &request->title);
	case OPTION_SOCKET:
		return set_text(spec, value, &arguments->connection.socket);
	case OPTION_NO_DAEMON:
		arguments->connection.is_private = true;
		return 0;
	case OPTION_RUNS:
		return option_parse_count(spec, value, &arguments->n_runs);
	case OPTION_WARM_UP:
		/* None is a number too. */
		arguments->n_warm_ups = 0;
		return strcmp(value, "0") == 0
			? 0
			: option_parse_count(spec, value, &arguments->n_warm_ups);
	default:
		return on_target_option(arguments, spec, value);
	}
}

static int check_arguments(const struct command *command, struct arguments *arguments,
	const struct option_arguments *positional)
{
	if (positional->n && !positional->is_command)
		return options_error(command,
			"'%s' is no option; a command to record stands "
			"behind '--'",
			positional->items[0]);
	if (positional->n)
		arguments->argv = positional->items;
	if (target_is_named(&arguments->target) && arguments->argv)
		return options_error(
			command, "'-- COMMAND' and another target (as -p) exclude each other");
	if (!target_is_named(&arguments->target) && !arguments->argv)
		return options_error(command,
			"nothing to record; name a target: -p PID, -u UNIT, -a, … or -- COMMAND");
	if (arguments->request.is_detached && arguments->argv)
		return options_error(command, "'--detach' records processes that run already");
	if (arguments->request.is_detached && arguments->connection.is_private)
		return options_error(command, "'--detach' needs a daemon that goes on");
	if (arguments->request.is_detached && results_are_asked(&arguments->results))
		return options_error(
			command, "'--detach' writes nothing; 'perfctl stop ID -o FILE' does");
	if (arguments->n_runs && (!arguments->argv || arguments->delay_ns))
		return options_error(command, "'--runs' is for '-- COMMAND', without '--delay'");
	if (arguments->n_runs > RUNS_MAX || arguments->n_warm_ups > RUNS_MAX)
		return options_error(command, "more than %d runs", RUNS_MAX);
	return results_check(&arguments->results, command);
}

static int start_workload(struct arguments *arguments, struct workload *workload,
	const sigset_t *mask, struct target_name *name)
{
	int r;

	r = workload_start(workload, arguments->argv, mask);
	if (r < 0) {
		message_error("cannot start '%s': %s", arguments->argv[0], strerror(-r));
		return EXIT_FAILED;
	}
	*name = (struct target_name){.pid = (uint32_t)workload->pid};
	snprintf(name->text, sizeof(name->text), "%s", text_base_name(arguments->argv[0]));
	arguments->target.pids[0] = name->pid;
	arguments->target.n_pids = 1;
	arguments->request.is_on_exec = true;
	return 0;
}

/* The command's own end. */
static void wait_for_command(struct arguments *arguments, const struct recording *recording)
{
	struct workload *workload = recording->workload;

	if (!workload->is_released)
		return;
	if (workload->exec_error)
		message_error(
			"cannot run '%s': %s", arguments->argv[0], strerror(workload->exec_error));
	workload_poll(workload);
	if (!workload->has_ended && !workload->exec_error)
		message_note("Waiting for '%s' to end", arguments->argv[0]);
	workload_wait(workload, recording->signal_fd);
	arguments->command_exit = workload_exit_code(workload);
	arguments->has_run = true;
	arguments->is_unrunnable = workload->exec_error != 0;
}

/* Starts now, or after the delay; then the command is running already. */
static int wait_for_begin(struct arguments *arguments, const struct recording *recording)
{
	int r;

	if (!arguments->delay_ns)
		return 0;
	r = workload_release(recording->workload);
	if (r < 0 || recording->workload->exec_error)
		return EXIT_FAILED;
	arguments->request.is_on_exec = false;
	return recording_delay(recording->signal_fd, arguments->delay_ns);
}

static int record_attached(struct arguments *arguments, struct recording *recording)
{
	CLEANUP(buffer_done) struct buffer profile = {0};
	int r;

	r = wait_for_begin(arguments, recording);
	if (r == 0)
		r = recording_run(recording, &arguments->request, &profile);
	if (r == 0 && !recording->workload->exec_error)
		r = results_write(&arguments->results, &profile);
	wait_for_command(arguments, recording);
	return r;
}

static int record_detached(struct arguments *arguments, struct recording *recording)
{
	int r;

	r = recording_delay(recording->signal_fd, arguments->delay_ns);
	if (r == 0)
		r = recording_detach(recording, &arguments->request);
	if (r == 0)
		printf("%s\n", recording->id);
	return r;
}

/* "sh -c 'a b'" as it may be typed again. */
static void append_command(char **argv, struct buffer *out)
{
	for (size_t i = 0; argv[i]; i++) {
		bool is_plain = *argv[i] &&
			!argv[i][strcspn(argv[i], " \t\n'\"\\$`*?[]{}()<>|&;#~!")];

		buffer_append_text(out, i ? " " : "");
		buffer_append_text(out, is_plain ? "" : "'");
		for (const char *p = argv[i]; *p; p++) {
			if (*p == '\'')
				buffer_append_text(out, "'\\'");
			buffer_append_char(out, *p);
		}
		buffer_append_text(out, is_plain ? "" : "'");
	}
}

static int record_all_runs(struct arguments *arguments, struct runs *runs, struct runner *runner)
{
	CLEANUP(buffer_done) struct buffer bytes = {0};
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < arguments->n_warm_ups + arguments->n_runs; i++)
		r = runs_add(runs, runner, i < arguments->n_warm_ups);
	if (r != 0)
		return r;
	if (!runs->profile) {
		message_error("'%s' ended before anything was taken", runs->command);
		return EXIT_NO_TARGET;
	}
	r = runs_finish(runs);
	if (r == 0)
		r = pprof_encode(runs->profile, &bytes);
	if (r < 0) {
		message_error("cannot keep the runs: %s", strerror(-r));
		return EXIT_FAILED;
	}
	return results_write(&arguments->results, &bytes);
}

static int record_runs(struct arguments *arguments, int signal_fd, const sigset_t *mask)
{
	CLEANUP(connection_done) struct connection connection = {0};
	CLEANUP(buffer_done) struct buffer command = {0};
	CLEANUP(runs_done) struct runs runs = {.argv = arguments->argv};
	struct runner runner = {.connection = &connection,
		.request = &arguments->request,
		.signal_fd = signal_fd,
		.mask = mask,
		.is_quiet = arguments->results.is_quiet};
	int r;

	append_command(arguments->argv, &command);
	if (buffer_error(&command) < 0)
		return EXIT_FAILED;
	runs.command = command.data;
	if (results_open(&arguments->results, text_base_name(arguments->argv[0]),
		    (uint32_t)getpid()) < 0)
		return EXIT_FAILED;
	r = connection_open(&connection, &arguments->connection);
	if (r == 0)
		r = record_all_runs(arguments, &runs, &runner);
	arguments->has_run = runs.exit_code != 0;
	arguments->is_unrunnable = runs.exit_code != 0;
	arguments->command_exit = runs.exit_code;
	return r;
}

static int record(struct arguments *arguments, int signal_fd, const sigset_t *mask)
{
	CLEANUP(connection_done) struct connection connection = {0};
	CLEANUP(workload_done) struct workload workload = {.gate_fd = -1, .report_fd = -1};
	CLEANUP(buffer_done) struct buffer title = {0};
	struct target_name name = {0};
	struct recording recording = {.connection = &connection,
		.workload = &workload,
		.signal_fd = signal_fd,
		.is_quiet = arguments->results.is_quiet};
	int r;

	arguments->request.target = &arguments->target;
	r = arguments->argv ? start_workload(arguments, &workload, mask, &name)
			    : target_describe(&arguments->target, &title, &name);
	if (r != 0)
		return r;
	if (arguments->argv)
		buffer_printf(&title, "%s (%u)", name.text, name.pid);
	if (!arguments->request.title)
		arguments->request.title = title.data;
	recording.title = arguments->request.title;
	if (!arguments->request.is_detached &&
		results_open(&arguments->results, name.text, name.pid) < 0)
		return EXIT_FAILED;
	r = connection_open(&connection, &arguments->connection);
	if (r != 0)
		return r;
	return arguments->request.is_detached ? record_detached(arguments, &recording)
					      : record_attached(arguments, &recording);
}

static int run(const struct command *command, int argc, char **argv)
{
	CLEANUP(arguments_done) struct arguments arguments = {0};
	CLEANUP(closep) int signal_fd = -1;
	struct option_arguments positional;
	sigset_t mask;
	int r;

	arguments.request.frequency_hz = FREQUENCY_DEFAULT_HZ;
	arguments.n_warm_ups = 1;
	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	if (check_arguments(command, &arguments, &positional) < 0)
		return EXIT_USAGE;
	signal_fd = recording_open_signals(&mask);
	if (signal_fd < 0) {
		message_error("cannot wait for signals: %s", strerror(-signal_fd));
		return EXIT_FAILED;
	}
	r = arguments.n_runs ? record_runs(&arguments, signal_fd, &mask)
			     : record(&arguments, signal_fd, &mask);
	if (!arguments.argv)
		return r;
	/*
	 * A failure of perfctl's own must not look like the command's. That the command was not
	 * found, or had ended before a sample fell on it, is none.
	 */
	if (arguments.has_run && (r == EXIT_DONE || r == EXIT_NO_TARGET || arguments.is_unrunnable))
		return arguments.command_exit;
	return r == EXIT_DONE ? EXIT_DONE : EXIT_OWN_FAILURE;
}

const struct command command_record = {
	.name = "record",
	.n_arguments = ARGUMENTS_ITS_OWN,
	.usage = "[OPTION…] -p PID | -u UNIT | -a | … | [OPTION…] -- COMMAND [ARGUMENT…]",
	.summary = "Profile a target now",
	.details =
		"Of -p, -t and --comm any will do; what is named beside them must hold as well.\n"
		"Without -o: NAME-PID-DATE-TIME.pb.gz here, and the ten hottest functions.\n"
		"The suffix picks the format: .pb.gz, .folded, .svg, .speedscope.json, .json, .perf.",
	.example = "perfctl record -p 4242 -d 10 -o profile.pb.gz -o flame.svg",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
