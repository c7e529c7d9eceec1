// SPDX-License-Identifier: GPL-2.0-or-later
/* Options -> a profile with only what was asked for; the work is done in proto/profile/narrow. */

#include "cli/narrow.h"

#include <errno.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/source.h"
#include "proto/base/cleanup.h"

static int set_weight(
	struct narrow_arguments *arguments, const struct option_spec *spec, const char *value)
{
	static const char *const words[] = {"samples", "time"};
	size_t index;
	int r;

	r = option_parse_word(spec, value, words, ARRAY_SIZE(words), &index);
	if (r < 0)
		return r;
	arguments->has_time_weight = index == 1;
	return 0;
}

/* As GDB's command of this name has it: a directory and its successor. */
static int add_substitution(
	struct narrow_options *options, const struct option_spec *spec, const char *value)
{
	const char *equals = strchr(value, '=');

	if (!equals || equals == value || !equals[1]) {
		message_error("option '--%s': '%s' is not FROM=TO", spec->name, value);
		return -EINVAL;
	}
	if (options->n_substitutions == NARROW_SUBSTITUTIONS_MAX) {
		message_error("option '--%s': more than %d of them", spec->name,
			NARROW_SUBSTITUTIONS_MAX);
		return -EINVAL;
	}
	options->substitutions[options->n_substitutions++] = (struct path_substitution){
		.from = value, .from_size = (size_t)(equals - value), .to = equals + 1};
	return 0;
}

/* Before anything is read, and once, however many profiles are narrowed. */
static int set_expression(
	const struct option_spec *spec, const char *value, const char **expression)
{
	struct profile_error error = {0};

	if (narrow_check_expression(value, &error) != 0) {
		message_error("option '--%s': %s", spec->name, error.text);
		return -EINVAL;
	}
	*expression = value;
	return 0;
}

int narrow_set(
	struct narrow_arguments *arguments, const struct option_spec *spec, const char *value)
{
	struct narrow_options *options = &arguments->options;
	int r = 0;

	switch (spec->id) {
	case OPTION_FOCUS:
		r = set_expression(spec, value, &options->focus);
		break;
	case OPTION_IGNORE:
		r = set_expression(spec, value, &options->ignore);
		break;
	case OPTION_COMM:
		options->comm = value;
		break;
	case OPTION_PID:
		r = option_parse_count(spec, value, &options->pid);
		break;
	case OPTION_THREAD:
		options->thread = value;
		break;
	case OPTION_UNIT:
		options->unit = value;
		break;
	case OPTION_FROM:
		/* From the start is not a narrowing, but no mistake either. */
		if (strcmp(value, "0") != 0)
			r = option_parse_duration(spec, value, &options->from_ns);
		break;
	case OPTION_TO:
		r = option_parse_duration(spec, value, &options->to_ns);
		break;
	case OPTION_SUBSTITUTE_PATH:
		r = add_substitution(options, spec, value);
		break;
	case OPTION_WEIGHT:
		return set_weight(arguments, spec, value);
	default:
		return NARROW_FOREIGN;
	}
	arguments->is_narrowed = true;
	return r;
}

int narrow_load(
	const struct narrow_arguments *arguments, const char *source, struct profile **ret_profile)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL, *narrowed = NULL;
	const struct narrow_options *options = &arguments->options;
	struct profile_error error = {0};
	int r;

	if (options->to_ns && options->to_ns <= options->from_ns) {
		message_error("option '--to': it is not behind '--from'");
		return EXIT_USAGE;
	}
	r = arguments->is_timeless && !options->from_ns && !options->to_ns
		? source_load_timeless(source, &profile)
		: source_load(source, &profile);
	if (r < 0)
		return EXIT_FAILED;
	if (!arguments->is_narrowed) {
		*ret_profile = TAKE(profile);
		return 0;
	}
	r = narrow_profile(profile, options, &narrowed, &error);
	if (r == PROFILE_MALFORMED) {
		message_error("%s", error.text);
		return EXIT_USAGE;
	}
	if (r < 0) {
		message_error("cannot narrow the profile: %s", strerror(-r));
		return EXIT_FAILED;
	}
	*ret_profile = TAKE(narrowed);
	return 0;
}

int narrow_value_type(const struct narrow_arguments *arguments, const struct profile *profile,
	size_t *ret_value_type)
{
	if (!arguments->has_time_weight) {
		*ret_value_type = 0;
		return 0;
	}
	for (size_t i = 0; i < profile->n_value_types; i++) {
		const char *unit = profile_string(profile, profile->value_types[i].unit);

		if (strcmp(unit, "nanoseconds") == 0) {
			*ret_value_type = i;
			return 0;
		}
	}
	message_error("option '--weight': this profile holds no times, only samples");
	return -EINVAL;
}
