// SPDX-License-Identifier: GPL-2.0-or-later
/* perfctl query: a profile out of the continuous store, by time and labels. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/render/renderers.h"
#include "cli/render/timeline.h"
#include "cli/render/table.h"
#include "cli/store-source.h"
#include "cli/terminal.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define LIMIT_DEFAULT 30

enum {
	OPTION_SOCKET = OPTION_ID_FIRST,
	OPTION_SINCE,
	OPTION_UNTIL,
	OPTION_COMM,
	OPTION_CONTAINER,
	OPTION_BY,
	OPTION_FUNCTION,
	OPTION_SERIES,
	OPTION_JSON,
};

static const struct option_spec options[] = {
	{OPTION_SINCE, "since", "TIME",
		"from then on: 1h (ago), 14:05, yesterday, 2026-11-21T14:05 (1h)"},
	{OPTION_UNTIL, "until", "TIME", "up to then (now)"},
	{'u', "unit", "UNIT", "only processes of this systemd unit"},
	{OPTION_COMM, "comm", "NAME", "only programs of this name"},
	{'p', "pid", "PID", "only this process"},
	{OPTION_CONTAINER, "container", "ID", "only containers whose id begins so"},
	{'e', "event", "EVENT", "only of this event"},
	{OPTION_BY, "by", "WHAT", "function (default), module, line, thread, process, unit"},
	{'n', "limit", "N", "rows (30); of --series: the most"},
	{OPTION_FUNCTION, "function", "NAME", "with --series: the share of this function"},
	{OPTION_SERIES, "series", NULL, "in the course of time; -o FILE.svg: as a picture"},
	{'o', "output", "FILE", "write this file instead, its format by its suffix"},
	{OPTION_JSON, "json", NULL, "for programs"},
	{OPTION_SOCKET, "socket", "PATH", "the daemon's socket (PERFCTL_SOCKET)"},
};

struct arguments {
	struct store_source source;
	uint64_t now_ms;
	size_t by;
	uint32_t limit;
	const char *output, *function;
	bool is_json, is_series;
};

static int moment_set(struct arguments *arguments, const struct option_spec *spec,
	const char *value, uint64_t *ret_ms)
{
	if (store_time_parse(value, arguments->now_ms, ret_ms) == 0)
		return 0;
	message_error("option '--%s': '%s' is no time; give " STORE_TIME_FORMS, spec->name, value);
	return -EINVAL;
}

static int label_set(struct store_source *source, const struct option_spec *spec, const char *value)
{
	switch (spec->id) {
	case 'u':
		source->unit = value;
		return 0;
	case OPTION_COMM:
		source->comm = value;
		return 0;
	case 'p':
		return option_parse_count(spec, value, &source->pid);
	case OPTION_CONTAINER:
		source->container = value;
		return 0;
	case 'e':
		source->event = value;
		return 0;
	default:
		source->socket = value;
		return 0;
	}
}

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	static const char *const bys[] = {
		"function", "module", "line", "thread", "process", "unit"};
	struct arguments *arguments = userdata;

	switch (spec->id) {
	case OPTION_SINCE:
		return moment_set(arguments, spec, value, &arguments->source.since_ms);
	case OPTION_UNTIL:
		return moment_set(arguments, spec, value, &arguments->source.until_ms);
	case OPTION_BY:
		return option_parse_word(spec, value, bys, ARRAY_SIZE(bys), &arguments->by);
	case 'n':
		return option_parse_count(spec, value, &arguments->limit);
	case OPTION_FUNCTION:
		arguments->function = value;
		return 0;
	case OPTION_SERIES:
		arguments->is_series = true;
		return 0;
	case 'o':
		arguments->output = value;
		return 0;
	case OPTION_JSON:
		arguments->is_json = true;
		return 0;
	default:
		return label_set(&arguments->source, spec, value);
	}
}

static int append_table(
	const struct profile *profile, const struct arguments *arguments, struct buffer *out)
{
	static const enum rank_by bys[] = {RANK_BY_FUNCTION, RANK_BY_MODULE, RANK_BY_LINE,
		RANK_BY_THREAD, RANK_BY_PROCESS, RANK_BY_UNIT};
	struct table_options table = {
		.rank.by = bys[arguments->by],
		.limit = arguments->limit,
		.width = (unsigned)terminal_width(STDOUT_FILENO),
		.has_colour = terminal_has_colour(STDOUT_FILENO),
		.has_facts = true,
	};

	return table_append_hotspots(profile, &table, out);
}

static bool is_picture(const struct arguments *arguments)
{
	return arguments->output && text_ends_with(arguments->output, ".svg");
}

/* 0, or an exit code after saying why. */
static int append_series(
	const struct profile *profile, const struct arguments *arguments, struct buffer *out)
{
	CLEANUP(timeline_done) struct timeline timeline = {0};
	struct profile_error error = {0};
	uint32_t function;
	int r = ranking_find_function(profile, arguments->function, &function, &error);

	if (r > 0) {
		message_error("%s", error.text);
		return EXIT_USAGE;
	}
	if (!r)
		r = timeline_make(
			profile, function, arguments->source.until_ms * NS_PER_MS, &timeline);
	if (!r && is_picture(arguments))
		r = timeline_append_svg(profile, &timeline, out);
	else if (!r)
		r = arguments->is_json ? timeline_append_json(&timeline, out)
				       : timeline_append_table(&timeline, out);
	if (r < 0)
		message_error(
			"cannot tell the course of '%s': %s", arguments->function, strerror(-r));
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int show(const struct profile *profile, const struct arguments *arguments)
{
	CLEANUP(buffer_done) struct buffer out = {0};
	const char *output = arguments->output ? arguments->output : "-";
	const struct renderer *renderer = arguments->output ? renderer_find(output)
		: arguments->is_json                        ? renderer_find_format("json")
							    : NULL;
	int r;

	if (arguments->is_series) {
		r = append_series(profile, arguments, &out);
		if (r)
			return r;
	} else {
		r = renderer ? renderer->render(profile, &(struct render_options){0}, &out)
			     : append_table(profile, arguments, &out);
	}
	if (r < 0) {
		message_error("cannot write '%s': %s", output, strerror(-r));
		return EXIT_FAILED;
	}
	return output_write_file(output, out.data ? out.data : "", out.size) < 0 ? EXIT_FAILED
										 : EXIT_DONE;
}

static int check(const struct command *command, const struct arguments *arguments)
{
	if (arguments->is_series != (arguments->function != NULL))
		return options_error(command, "'--function' and '--series' go together");
	if (arguments->is_series && arguments->limit > PROFILE_RUNS_MAX)
		return options_error(
			command, "'--limit' of '--series' is %d at most", PROFILE_RUNS_MAX);
	if (arguments->output && !arguments->is_series && !renderer_find(arguments->output))
		return options_error(
			command, "the suffix of '%s' names no format", arguments->output);
	return 0;
}

static int run(const struct command *command, int argc, char **argv)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct arguments arguments = {
		.now_ms = time_now_ns(CLOCK_REALTIME) / NS_PER_MS,
		.limit = LIMIT_DEFAULT,
	};
	struct option_arguments positional;
	int r;

	arguments.source.since_ms = arguments.now_ms - 3600 * 1000;
	arguments.source.until_ms = arguments.now_ms;
	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	if (check(command, &arguments) < 0)
		return EXIT_USAGE;
	if (arguments.is_series)
		arguments.source.n_parts = arguments.limit;
	r = store_source_load(&arguments.source, &profile);
	return r ? r : show(profile, &arguments);
}

const struct command command_query = {
	.name = "query",
	.usage = "[OPTION…]",
	.summary = "Profile out of the continuous store",
	.details =
		"What perfd keeps of the whole system where [continuous] is enabled. flame,\n"
		"hotspots, diff and report take the same as SOURCE: store:SINCE[..UNTIL][,unit=…]\n"
		"[,comm=…][,pid=…][,container=…][,event=…].",
	.example = "perfctl query --since 14:00 --until 14:10 --unit nginx.service -o nginx.svg",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
