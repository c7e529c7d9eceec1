// SPDX-License-Identifier: GPL-2.0-or-later
/* perfctl diff: what changed between two recordings, and how sure is that? */

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/diff-runs.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/render/diff.h"
#include "cli/render/renderers.h"
#include "cli/sides.h"
#include "cli/terminal.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define LIMIT_DEFAULT 30
/* A function with less of the time cannot fail the gate. */
#define GATE_SHARE_MIN 0.01

enum { OPTION_FAIL_ON = OPTION_ID_FIRST, OPTION_ABSOLUTE, OPTION_SORT, OPTION_ALL, OPTION_JSON };

static const struct option_spec options[] = {
	{'o', "output", "FILE.svg", "draw both as one flame graph, red and blue; '-': only that"},
	{OPTION_FAIL_ON, "fail-on", "PERCENT", "exit 3 if anything surely grew by more, as 10%"},
	{OPTION_ABSOLUTE, "absolute", NULL, "CPU time per second, not shares"},
	{OPTION_SORT, "sort", "self|total", "what is compared (self)"},
	{'n', "limit", "N", "rows (30)"},
	{OPTION_ALL, "all", NULL, "all rows"},
	{OPTION_JSON, "json", NULL, "for programs"},
	DIFF_RUNS_OPTION_SPECS,
	NARROW_OPTION_SPECS,
};

struct arguments {
	struct narrow_arguments narrow;
	struct compare_options compare;
	struct diff_runs runs;
	double threshold;
	const char *output;
	uint32_t limit;
	bool is_json;
};

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	static const char *const sorts[] = {"self", "total"};
	struct arguments *arguments = userdata;
	size_t index = 0;
	int r;

	switch (spec->id) {
	case 'o':
		arguments->output = value;
		return 0;
	case OPTION_FAIL_ON:
		return option_parse_percent(spec, value, &arguments->threshold);
	case OPTION_ABSOLUTE:
		arguments->compare.mode = COMPARE_ABSOLUTE;
		return 0;
	case OPTION_SORT:
		r = option_parse_word(spec, value, sorts, ARRAY_SIZE(sorts), &index);
		arguments->compare.is_total = index == 1;
		return r;
	case 'n':
		return option_parse_count(spec, value, &arguments->limit);
	case OPTION_ALL:
		arguments->limit = 0;
		return 0;
	case OPTION_JSON:
		arguments->is_json = true;
		return 0;
	default:
		r = diff_runs_set(&arguments->runs, spec, value);
		return r == DIFF_RUNS_FOREIGN ? narrow_set(&arguments->narrow, spec, value) : r;
	}
}

/* 0, or an exit code after saying why. */
static int draw(const struct diff *diff, const char *path)
{
	CLEANUP(buffer_done) struct buffer out = {0};
	struct render_options options = {0};
	int r = render_flame_diff(diff, &options, &out);

	if (r < 0) {
		message_error("cannot draw '%s': %s", path, strerror(-r));
		return EXIT_FAILED;
	}
	return output_write_file(path, out.data, out.size) < 0 ? EXIT_FAILED : 0;
}

/* Compares, shows, and gives the exit code. */
static int show(const struct arguments *arguments, struct side sides[COMPARE_SIDES])
{
	CLEANUP(comparison_freep) struct comparison *comparison = NULL;
	CLEANUP(buffer_done) struct buffer out = {0};
	struct diff diff = {
		.sides = {side_compared(&sides[0]), side_compared(&sides[1])},
		.names = {sides[0].source, sides[1].source},
		.threshold = arguments->threshold,
		.limit = arguments->limit,
		.width = (unsigned)terminal_width(STDOUT_FILENO),
		.has_colour = terminal_has_colour(STDOUT_FILENO),
	};
	struct profile_error error = {0};
	int r = comparison_new(diff.sides, &arguments->compare, &comparison, &error);

	if (r != 0) {
		message_error("cannot compare '%s' and '%s': %s", diff.names[0], diff.names[1],
			r < 0 ? strerror(-r) : error.text);
		return EXIT_FAILED;
	}
	diff.comparison = comparison;
	if (!isnan(diff.threshold))
		diff.regression = comparison_find_regression(
			comparison, diff.threshold, GATE_SHARE_MIN);
	if (arguments->output && draw(&diff, arguments->output) != 0)
		return EXIT_FAILED;
	if (arguments->output && strcmp(arguments->output, "-") == 0)
		return diff.regression ? EXIT_REGRESSION : EXIT_DONE;
	r = arguments->is_json ? diff_append_json(&diff, &out) : diff_append_table(&diff, &out);
	if (r < 0) {
		message_error("cannot show the comparison: %s", strerror(-r));
		return EXIT_FAILED;
	}
	if (output_write_file("-", out.data, out.size) < 0)
		return EXIT_FAILED;
	return diff.regression ? EXIT_REGRESSION : EXIT_DONE;
}

/* Recorded now, or read. */
static int sides_make(const struct command *command, const struct arguments *arguments,
	const struct option_arguments *positional, struct side sides[COMPARE_SIDES])
{
	const struct diff_runs *runs = &arguments->runs;

	if (runs->commands[0] && runs->commands[1] && positional->n == 0) {
		if (arguments->narrow.is_narrowed) {
			options_error(command, "what is recorded now is compared whole");
			return EXIT_USAGE;
		}
		return diff_runs_record(runs, sides);
	}
	if (runs->is_asked || runs->commands[0] || runs->commands[1]) {
		options_error(command, "'--runs' needs '--before COMMAND' and '--after COMMAND'");
		return EXIT_USAGE;
	}
	if (positional->n != 2) {
		options_error(command, "diff takes two sides: BEFORE and AFTER");
		return EXIT_USAGE;
	}
	return sides_load(sides, &arguments->narrow, positional->items);
}

static void sides_done(struct side (*sides)[COMPARE_SIDES])
{
	for (int side = 0; side < COMPARE_SIDES; side++)
		side_done(&(*sides)[side]);
}

static int run(const struct command *command, int argc, char **argv)
{
	CLEANUP(sides_done) struct side sides[COMPARE_SIDES] = {0};
	struct arguments arguments = {.limit = LIMIT_DEFAULT, .threshold = NAN};
	struct option_arguments positional;
	int r;

	diff_runs_init(&arguments.runs);
	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	r = sides_make(command, &arguments, &positional, sides);
	return r != 0 ? r : show(&arguments, sides);
}

const struct command command_diff = {
	.name = "diff",
	.n_arguments = ARGUMENTS_ITS_OWN,
	.usage = "[OPTION…] BEFORE[,…] AFTER[,…] | --runs N --before COMMAND --after COMMAND",
	.summary = "Compare two recordings; --fail-on makes it a gate",
	.details =
		"Each side is a profile, or several apart by commas: runs of the same thing.\n"
		"A change has its 95 % interval and a verdict; what could not have been found is\n"
		"said below. Without evidence is not without change.",
	.example = "perfctl diff --fail-on 10% before.pb.gz after.pb.gz",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
