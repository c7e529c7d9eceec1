// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfctl report: a write-up with what it rests on beside it. NAME.md comes with NAME.svg and
 * NAME.pb.gz; NAME.html holds the picture, and has the profile beside it. The profile that is written
 * is the one that was reported on, narrowed if it was: so all figures can be had again from it.
 */

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/narrow.h"
#include "cli/output.h"
#include "cli/render/renderers.h"
#include "cli/report/report.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/profile/compare.h"
#include "proto/profile/pprof.h"

enum { OPTION_KIND = OPTION_ID_FIRST, OPTION_AGAINST, OPTION_TITLE, OPTION_FAIL_ON };

static const struct option_spec options[] = {
	{'o', "output", "FILE", "FILE.md or FILE.html, with FILE.pb.gz beside it; '-': text alone"},
	{OPTION_KIND, "kind", "KIND", "diagnosis (default), baseline, after"},
	{OPTION_AGAINST, "against", "SOURCE", "what 'after' is compared with, as @NAME"},
	{OPTION_TITLE, "title", "TEXT", "what it is about"},
	{OPTION_FAIL_ON, "fail-on", "PERCENT",
		"of 'after': exit 3 if anything surely grew by more"},
	NARROW_OPTION_SPECS,
};

struct arguments {
	struct narrow_arguments narrow;
	struct report report;
	const char *output, *against;
	struct profile *before, *profiles[REPORT_STEPS_MAX];
	char *stem; /* of the output, without its suffix */
};

static void arguments_done(struct arguments *arguments)
{
	profile_unref(arguments->before);
	for (size_t i = 0; i < REPORT_STEPS_MAX; i++)
		profile_unref(arguments->profiles[i]);
	free(arguments->stem);
}

static int set_kind(struct arguments *arguments, const struct option_spec *spec, const char *value)
{
	static const char *const words[] = {"diagnosis", "baseline", "after"};
	size_t index;
	int r = option_parse_word(spec, value, words, ARRAY_SIZE(words), &index);

	if (r == 0)
		arguments->report.kind = (enum report_kind)index;
	return r;
}

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	struct arguments *arguments = userdata;

	switch (spec->id) {
	case 'o':
		arguments->output = value;
		return 0;
	case OPTION_KIND:
		return set_kind(arguments, spec, value);
	case OPTION_AGAINST:
		arguments->against = value;
		return 0;
	case OPTION_TITLE:
		arguments->report.title = value;
		return 0;
	case OPTION_FAIL_ON:
		return option_parse_percent(spec, value, &arguments->report.threshold);
	default:
		return narrow_set(&arguments->narrow, spec, value);
	}
}

static int check_arguments(const struct command *command, struct arguments *arguments,
	const struct option_arguments *positional)
{
	bool is_after = arguments->report.kind == REPORT_AFTER;

	if (positional->n < 1 || positional->n > (is_after ? REPORT_STEPS_MAX : 1))
		return options_error(command,
			is_after ? "report takes 1 to 16 SOURCEs" : "report takes one SOURCE");
	if (is_after != (arguments->against != NULL))
		return options_error(command, "'--kind after' and '--against SOURCE' go together");
	if (!is_after && !isnan(arguments->report.threshold))
		return options_error(command, "'--fail-on' is for '--kind after'");
	if (strcmp(arguments->output, "-") == 0)
		return 0;
	if (!text_ends_with(arguments->output, ".md") &&
		!text_ends_with(arguments->output, ".html"))
		return options_error(command, "report cannot write '%s'; it writes .md and .html",
			arguments->output);
	arguments->stem = strdup(arguments->output);
	if (!arguments->stem)
		return -ENOMEM;
	*strrchr(arguments->stem, '.') = '\0';
	return 0;
}

static int load(struct arguments *arguments, const struct option_arguments *positional)
{
	struct report *report = &arguments->report;
	int r = 0;

	for (int i = 0; r == 0 && i < positional->n; i++) {
		r = narrow_load(&arguments->narrow, positional->items[i], &arguments->profiles[i]);
		report->profile = arguments->profiles[i];
		report->source = text_base_name(positional->items[i]);
		report->steps[i] = (struct report_step){report->profile, report->source};
	}
	report->n_steps = (size_t)positional->n;
	if (r == 0 && arguments->against) {
		r = narrow_load(&arguments->narrow, arguments->against, &arguments->before);
		report->before = arguments->before;
		report->before_source = text_base_name(arguments->against);
	}
	return r;
}

/* Why it cannot be made: `error` tells, or it has been said. */
enum { MAKE_IMPOSSIBLE = COMPARE_IMPOSSIBLE, MAKE_SAID };

/* Writes STEM-SUFFIX, whose base name is then in *name. 0, -ENOMEM, or MAKE_SAID. */
static int write_beside(const struct arguments *arguments, const char *suffix,
	const struct buffer *bytes, char **name)
{
	CLEANUP(freep) char *path = NULL;

	if (asprintf(&path, "%s%s", arguments->stem, suffix) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (output_write_file(path, bytes->data, bytes->size) < 0)
		return MAKE_SAID;
	*name = strdup(text_base_name(path));
	return *name ? 0 : -ENOMEM;
}

static int write_native(const struct arguments *arguments, const struct profile *profile,
	const char *suffix, char **name)
{
	CLEANUP(buffer_done) struct buffer bytes = {0};
	int r = pprof_encode(profile, &bytes);

	return r < 0 ? r : write_beside(arguments, suffix, &bytes, name);
}

struct beside {
	char *native, *before, *picture;
	struct buffer svg;
};

static void beside_done(struct beside *beside)
{
	free(beside->native);
	free(beside->before);
	free(beside->picture);
	buffer_done(&beside->svg);
}

static int write_files_beside(struct arguments *arguments, struct beside *beside)
{
	struct report *report = &arguments->report;
	struct render_options render = {.title = report->title};
	bool is_html = text_ends_with(arguments->output, ".html");
	int r = render_flame_svg(report->profile, &render, &beside->svg);

	if (r == 0)
		r = write_native(arguments, report->profile, ".pb.gz", &beside->native);
	if (r == 0 && report->before)
		r = write_native(arguments, report->before, "-before.pb.gz", &beside->before);
	if (r == 0 && !is_html)
		r = write_beside(arguments, ".svg", &beside->svg, &beside->picture);
	if (r == 0 && is_html)
		beside->picture = strdup("picture");
	report->native = beside->native;
	report->before_native = beside->before;
	report->picture = beside->picture;
	return r;
}

static int make(struct arguments *arguments, struct buffer *text, struct profile_error *error)
{
	CLEANUP(beside_done) struct beside beside = {0};
	CLEANUP(buffer_done) struct buffer markdown = {0};
	struct report *report = &arguments->report;
	bool is_html = text_ends_with(arguments->output, ".html");
	int r = arguments->stem ? write_files_beside(arguments, &beside) : 0;

	if (r == 0)
		r = report_append_markdown(report, is_html ? &markdown : text, error);
	if (r == 0 && is_html)
		r = report_append_html(markdown.data,
			report->title ? report->title : text_base_name(arguments->stem),
			beside.svg.data, text);
	report->native = report->before_native = report->picture = NULL;
	return r;
}

static int run(const struct command *command, int argc, char **argv)
{
	CLEANUP(arguments_done)
	struct arguments arguments = {.output = "-", .report.threshold = NAN};
	CLEANUP(buffer_done) struct buffer text = {0};
	struct option_arguments positional;
	struct profile_error error = {0};
	int r = options_parse(command, argc, argv, on_option, &arguments, &positional);

	if (r != 0)
		return options_exit_code(r);
	if (check_arguments(command, &arguments, &positional) < 0)
		return EXIT_USAGE;
	r = load(&arguments, &positional);
	if (r != 0)
		return r;
	r = make(&arguments, &text, &error);
	if (r == MAKE_SAID)
		return EXIT_FAILED;
	if (r != 0) {
		message_error("cannot write the report: %s", r < 0 ? strerror(-r) : error.text);
		return EXIT_FAILED;
	}
	if (output_write_file(arguments.output, text.data, text.size) < 0)
		return EXIT_FAILED;
	return arguments.report.is_regression ? EXIT_REGRESSION : EXIT_DONE;
}

const struct command command_report = {
	.name = "report",
	.n_arguments = ARGUMENTS_ITS_OWN,
	.usage = "[OPTION…] SOURCE [-o FILE.md|FILE.html]",
	.summary = "Write up what a profile says, with pictures",
	.details =
		"diagnosis: what takes the time, how sure that is, and what speaks against it.\n"
		"baseline: what was measured, and on what. after: what became of it since; several\n"
		"SOURCEs are steps one after the other.",
	.example = "perfctl report redis-server-4242.pb.gz -o incident.md",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
