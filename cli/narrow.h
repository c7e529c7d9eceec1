/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the commands that read a SOURCE have in common: the options that narrow it, and the choice
 * of a value to draw or rank by.
 */

#include "cli/options.h"
#include "proto/profile/narrow.h"
#include "proto/profile/profile.h"

enum {
	OPTION_FOCUS = 600,
	OPTION_IGNORE,
	OPTION_COMM,
	OPTION_PID,
	OPTION_THREAD,
	OPTION_FROM,
	OPTION_TO,
	OPTION_WEIGHT,
	OPTION_UNIT,
	OPTION_SUBSTITUTE_PATH,
};

#define NARROW_OPTION_SPECS                                                                        \
	{OPTION_FOCUS, "focus", "RE", "only stacks with a function that matches"},                 \
		{OPTION_IGNORE, "ignore", "RE", "no stacks with a function that matches"},         \
		{OPTION_COMM, "comm", "NAME", "only programs of this name"},                       \
		{OPTION_PID, "pid", "PID", "only this process"},                                   \
		{OPTION_THREAD, "thread", "NAME|TID", "only threads of this name or number"},      \
		{OPTION_UNIT, "unit", "UNIT", "only processes of this systemd unit"},              \
		{OPTION_FROM, "from", "TIME", "only from so far into the recording, as 2.5"},      \
		{OPTION_TO, "to", "TIME", "only up to so far into the recording"},                 \
		{OPTION_SUBSTITUTE_PATH, "substitute-path", "FROM=TO",                             \
			"source files below FROM are below TO (repeatable)"},                      \
	{                                                                                          \
		OPTION_WEIGHT, "weight", "samples|time", "what counts (samples)"                   \
	}

struct narrow_arguments {
	struct narrow_options options;
	bool is_narrowed, has_time_weight;
	bool is_timeless; /* nobody looks at when samples were taken, but for --from and --to */
};

/* Takes one of the options above. 0, -EINVAL after saying why, or NARROW_FOREIGN. */
enum { NARROW_FOREIGN = 1 };
int narrow_set(
	struct narrow_arguments *arguments, const struct option_spec *spec, const char *value);

/* Loads SOURCE and narrows it. 0, or an exit code after saying why. */
int narrow_load(
	const struct narrow_arguments *arguments, const char *source, struct profile **ret_profile);

/* Index of the value type that is asked for. 0, or -EINVAL after saying that there is none. */
int narrow_value_type(const struct narrow_arguments *arguments, const struct profile *profile,
	size_t *ret_value_type);
