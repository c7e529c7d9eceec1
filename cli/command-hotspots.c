// SPDX-License-Identifier: GPL-2.0-or-later
/* perfctl hotspots: where does the time go? */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/narrow.h"
#include "cli/output.h"
#include "cli/render/table.h"
#include "cli/terminal.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/profile/profile-json.h"

#define LIMIT_DEFAULT 30

enum {
	OPTION_BY = OPTION_ID_FIRST,
	OPTION_SORT,
	OPTION_CALLERS,
	OPTION_CALLEES,
	OPTION_ALL,
	OPTION_JSON
};

static const struct option_spec options[] = {
	{OPTION_BY, "by", "WHAT", "function (default), module, line, thread, process, unit"},
	{OPTION_SORT, "sort", "self|total|score", "what comes first (self)"},
	{OPTION_CALLERS, "callers", "FUNCTION", "who calls that function directly"},
	{OPTION_CALLEES, "callees", "FUNCTION", "whom that function calls directly"},
	{'n', "limit", "N", "rows (30)"},
	{OPTION_ALL, "all", NULL, "all rows"},
	{OPTION_JSON, "json", NULL, "for programs: conditions, ledger, hotspots"},
	NARROW_OPTION_SPECS,
};

struct arguments {
	struct narrow_arguments narrow;
	size_t by, sort;
	const char *callers, *callees;
	uint32_t limit;
	bool is_json;
};

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	static const char *const bys[] = {
		"function", "module", "line", "thread", "process", "unit"};
	static const char *const sorts[] = {"self", "total", "score"};
	struct arguments *arguments = userdata;

	switch (spec->id) {
	case OPTION_BY:
		return option_parse_word(spec, value, bys, ARRAY_SIZE(bys), &arguments->by);
	case OPTION_SORT:
		return option_parse_word(spec, value, sorts, ARRAY_SIZE(sorts), &arguments->sort);
	case 'n':
		return option_parse_count(spec, value, &arguments->limit);
	case OPTION_CALLERS:
		arguments->callers = value;
		return 0;
	case OPTION_CALLEES:
		arguments->callees = value;
		return 0;
	case OPTION_ALL:
		arguments->limit = 0;
		return 0;
	case OPTION_JSON:
		arguments->is_json = true;
		return 0;
	default:
		return narrow_set(&arguments->narrow, spec, value);
	}
}

static int append_json(const struct profile *profile, const struct rank_options *rank, size_t limit,
	struct buffer *out)
{
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	CLEANUP(freep) char *text = NULL;
	int r;

	r = ranking_new(profile, rank, &ranking);
	if (r < 0)
		return r;
	if (!limit || limit > ranking->n_rows)
		limit = ranking->n_rows;
	r = profile_json_encode_summary(profile, ranking, limit, NULL, &text);
	if (r < 0)
		return r;
	buffer_append_text(out, text);
	return buffer_error(out);
}

/* 0, or -EINVAL after saying that there is no such function. */
static int read_rank(
	const struct profile *profile, const struct arguments *arguments, struct rank_options *rank)
{
	static const enum rank_by bys[] = {RANK_BY_FUNCTION, RANK_BY_MODULE, RANK_BY_LINE,
		RANK_BY_THREAD, RANK_BY_PROCESS, RANK_BY_UNIT};
	static const enum rank_sort sorts[] = {RANK_SORT_SELF, RANK_SORT_TOTAL, RANK_SORT_SCORE};
	const char *function = arguments->callers ? arguments->callers : arguments->callees;
	struct profile_error error = {0};

	rank->by = bys[arguments->by];
	rank->sort = sorts[arguments->sort];
	if (!function)
		return narrow_value_type(&arguments->narrow, profile, &rank->value_type);
	rank->by = arguments->callers ? RANK_BY_CALLER : RANK_BY_CALLEE;
	rank->sort = RANK_SORT_TOTAL;
	if (ranking_find_function(profile, function, &rank->function, &error) > 0) {
		message_error("%s", error.text);
		return -EINVAL;
	}
	return narrow_value_type(&arguments->narrow, profile, &rank->value_type);
}

static int append_ranking(const struct profile *profile, const struct arguments *arguments,
	const char *source, struct buffer *out)
{
	struct table_options table = {
		.limit = arguments->limit,
		.width = (unsigned)terminal_width(STDOUT_FILENO),
		.has_colour = terminal_has_colour(STDOUT_FILENO),
		.has_facts = true,
	};
	int r;

	r = read_rank(profile, arguments, &table.rank);
	if (r < 0)
		return r;
	if (!profile->conditions.target && strcmp(source, "-") != 0)
		table.title = text_base_name(source);
	if (arguments->is_json)
		return append_json(profile, &table.rank, arguments->limit, out);
	return table_append_hotspots(profile, &table, out);
}

static int run(const struct command *command, int argc, char **argv)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	CLEANUP(buffer_done) struct buffer out = {0};
	struct arguments arguments = {.limit = LIMIT_DEFAULT};
	struct option_arguments positional;
	int r;

	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	if (arguments.callers && arguments.callees) {
		options_error(command, "'--callers' and '--callees' exclude each other");
		return EXIT_USAGE;
	}
	r = narrow_load(&arguments.narrow, positional.items[0], &profile);
	if (r != 0)
		return r;
	r = append_ranking(profile, &arguments, positional.items[0], &out);
	if (r == -EINVAL)
		return EXIT_USAGE;
	if (r < 0) {
		message_error("cannot rank the profile: %s", strerror(-r));
		return EXIT_FAILED;
	}
	return output_write_file("-", out.data, out.size) < 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_hotspots = {
	.name = "hotspots",
	.n_arguments = 1,
	.takes = "one SOURCE: a file, '-', @BASELINE or store:SINCE",
	.usage = "[OPTION…] SOURCE",
	.summary = "Rank where time goes",
	.details =
		"SOURCE is a profile (pprof, folded stacks, the text of perf script), '-', a baseline\n"
		"as @NAME, or what perfd kept, as store:1h.\n"
		"Self: the function was running. Total: it, or what it called. Intervals are at\n"
		"95 % and for this recording. Speed-up: the most that the whole can gain by it.",
	.example = "perfctl hotspots --sort total -n 10 redis-server-4242.pb.gz",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
