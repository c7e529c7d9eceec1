// SPDX-License-Identifier: GPL-2.0-or-later
/* perfctl flame and perfctl convert: a SOURCE in, a file out. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/narrow.h"
#include "cli/output.h"
#include "cli/render/renderers.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define WIDTH_MIN_PX 320
#define WIDTH_MAX_PX 20000

enum { OPTION_TITLE = OPTION_ID_FIRST, OPTION_WIDTH, OPTION_ICICLE, OPTION_ANNOTATE };

#define PICTURE_OPTION_SPECS                                                                       \
	{OPTION_TITLE, "title", "TEXT", "title of a picture"},                                     \
		{OPTION_WIDTH, "width", "PX", "width of a picture (1200)"},                        \
	{                                                                                          \
		OPTION_ICICLE, "icicle", NULL, "draw the outermost functions on top"               \
	}

static const struct option_spec flame_options[] = {
	{'o', "output", "FILE", "FILE.svg, or '-'"},
	PICTURE_OPTION_SPECS,
	NARROW_OPTION_SPECS,
};

static const struct option_spec convert_options[] = {
	{'f', "format", "FORMAT", "format, where OUT does not tell: svg, folded, pprof, …"},
	{OPTION_ANNOTATE, "annotate", NULL, "mark kernel, inlined, JIT in folded stacks: _[k] …"},
	PICTURE_OPTION_SPECS,
	NARROW_OPTION_SPECS,
};

struct arguments {
	struct narrow_arguments narrow;
	struct render_options render;
	const char *output, *format;
};

static int set_width(struct arguments *arguments, const struct option_spec *spec, const char *value)
{
	uint32_t width;
	int r;

	r = option_parse_count(spec, value, &width);
	if (r < 0)
		return r;
	if (width < WIDTH_MIN_PX || width > WIDTH_MAX_PX) {
		message_error("option '--width': '%s' is wrong; give %d to %d", value, WIDTH_MIN_PX,
			WIDTH_MAX_PX);
		return -EINVAL;
	}
	arguments->render.width_px = width;
	return 0;
}

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	struct arguments *arguments = userdata;

	switch (spec->id) {
	case 'o':
		arguments->output = value;
		return 0;
	case 'f':
		arguments->format = value;
		return 0;
	case OPTION_TITLE:
		arguments->render.title = value;
		return 0;
	case OPTION_WIDTH:
		return set_width(arguments, spec, value);
	case OPTION_ICICLE:
		arguments->render.is_icicle = true;
		return 0;
	case OPTION_ANNOTATE:
		arguments->render.has_annotations = true;
		return 0;
	default:
		return narrow_set(&arguments->narrow, spec, value);
	}
}

static int draw(struct arguments *arguments, const struct renderer *renderer, const char *source)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	CLEANUP(buffer_done) struct buffer out = {0};
	int r;

	if (renderer->is_binary && strcmp(arguments->output, "-") == 0 && isatty(STDOUT_FILENO)) {
		message_error(
			"standard output is a terminal, and '%s' is no text", renderer->suffix);
		return EXIT_USAGE;
	}
	arguments->narrow.is_timeless = renderer->is_timeless;
	r = narrow_load(&arguments->narrow, source, &profile);
	if (r != 0)
		return r;
	if (narrow_value_type(&arguments->narrow, profile, &arguments->render.value_type) < 0)
		return EXIT_USAGE;
	/* A profile that does not say what it is of is called by its file's name. */
	if (!arguments->render.title && !profile->conditions.target && strcmp(source, "-") != 0)
		arguments->render.title = text_base_name(source);
	r = renderer->render(profile, &arguments->render, &out);
	if (r < 0) {
		message_error("cannot write '%s': %s", arguments->output,
			r == -E2BIG ? "the profile is too large for this format" : strerror(-r));
		return EXIT_FAILED;
	}
	r = output_write_file(arguments->output, out.data ? out.data : "", out.size);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int run_flame(const struct command *command, int argc, char **argv)
{
	struct arguments arguments = {0};
	struct option_arguments positional;
	const struct renderer *renderer;
	int r;

	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	if (!arguments.output) {
		options_error(command, "flame needs to know where to: -o FILE.svg");
		return EXIT_USAGE;
	}
	renderer = strcmp(arguments.output, "-") == 0 ? renderer_find_format("svg")
						      : renderer_find(arguments.output);
	if (!renderer || renderer->render != render_flame_svg) {
		options_error(
			command, "flame cannot draw '%s'; it draws .svg files", arguments.output);
		return EXIT_USAGE;
	}
	return draw(&arguments, renderer, positional.items[0]);
}

static const struct renderer *find_renderer(
	const struct command *command, const struct arguments *arguments)
{
	CLEANUP(freep) char *suffixes = renderer_list_suffixes();
	const struct renderer *renderer;

	if (arguments->format)
		renderer = renderer_find_format(arguments->format);
	else if (strcmp(arguments->output, "-") == 0)
		renderer = renderer_find_format("folded");
	else
		renderer = renderer_find(arguments->output);
	if (renderer)
		return renderer;
	if (arguments->format)
		options_error(command, "there is no format '%s'; there are %s", arguments->format,
			suffixes);
	else
		options_error(command, "the suffix of '%s' names no format; there are %s",
			arguments->output, suffixes);
	return NULL;
}

static int run_convert(const struct command *command, int argc, char **argv)
{
	struct arguments arguments = {0};
	struct option_arguments positional;
	const struct renderer *renderer;
	int r;

	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	arguments.output = positional.items[1];
	renderer = find_renderer(command, &arguments);
	if (!renderer)
		return EXIT_USAGE;
	return draw(&arguments, renderer, positional.items[0]);
}

const struct command command_flame = {
	.name = "flame",
	.n_arguments = 1,
	.takes = "one SOURCE: a file, '-', @BASELINE or store:SINCE",
	.usage = "[OPTION…] SOURCE -o FILE.svg",
	.summary = "Draw a flame graph",
	.details =
		"SOURCE is a profile (pprof, folded stacks, the text of perf script), '-', a baseline\n"
		"as @NAME, or what perfd kept, as store:1h.",
	.example = "perfctl flame redis-server-4242.pb.gz -o redis.svg",
	.options = flame_options,
	.n_options = ARRAY_SIZE(flame_options),
	.run = run_flame,
};

const struct command command_convert = {
	.name = "convert",
	.n_arguments = 2,
	.takes = "two files: IN and OUT",
	.usage = "[OPTION…] IN OUT",
	.summary = "Convert between profile formats",
	.details =
		"IN is told by its content: pprof, folded stacks, or the text of perf script.\n"
		"OUT is told by its suffix: .pb.gz, .folded, .svg, .speedscope.json, .json, .perf.\n"
		"Either may be '-'; standard output gets folded stacks unless -f says otherwise.",
	.example = "perf script | perfctl convert - profile.pb.gz",
	.options = convert_options,
	.n_options = ARRAY_SIZE(convert_options),
	.run = run_convert,
};
