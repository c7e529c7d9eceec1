/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Both sides of a comparison made now: two commands, run in turn. */

#include "cli/connection.h"
#include "cli/options.h"
#include "cli/recording.h"
#include "cli/sides.h"

enum {
	OPTION_RUNS = 760,
	OPTION_RUNS_WARM_UP,
	OPTION_RUNS_BEFORE,
	OPTION_RUNS_AFTER,
	OPTION_RUNS_KEEP,
	OPTION_RUNS_SOCKET,
	OPTION_RUNS_NO_DAEMON,
};

#define DIFF_RUNS_OPTION_SPECS                                                                     \
	{OPTION_RUNS, "runs", "N", "run both commands so often, in turn (5)"},                     \
		{OPTION_RUNS_BEFORE, "before", "COMMAND", "a command line for the shell"},         \
		{OPTION_RUNS_AFTER, "after", "COMMAND", "the same with the change"},               \
		{OPTION_RUNS_WARM_UP, "warm-up", "N", "runs of both that do not count (1)"},       \
		{'F', "frequency", "HZ", "samples per second of CPU time (999)"},                  \
		{'d', "duration", "TIME", "record each run only so long"},                         \
		{OPTION_RUNS_KEEP, "keep", "NAME", "write NAME-before.pb.gz, NAME-after.pb.gz"},   \
		{OPTION_RUNS_SOCKET, "socket", "PATH", "the daemon's socket (PERFCTL_SOCKET)"},    \
	{                                                                                          \
		OPTION_RUNS_NO_DAEMON, "no-daemon", NULL, "use a private perfd for this command"   \
	}

struct diff_runs {
	const char *commands[COMPARE_SIDES];
	const char *keep;
	uint32_t n_runs, n_warm_ups;
	struct recording_request request;
	struct connection_options connection;
	bool is_asked; /* any of the options was there */
};

/* Defaults. */
void diff_runs_init(struct diff_runs *diff);

/* Takes one of the options above. 0, -EINVAL after saying why, or DIFF_RUNS_FOREIGN. */
enum { DIFF_RUNS_FOREIGN = 1 };
int diff_runs_set(struct diff_runs *diff, const struct option_spec *spec, const char *value);

/* Runs the commands A B A B, each recorded. 0, or an exit code after saying why. */
int diff_runs_record(const struct diff_runs *diff, struct side sides[COMPARE_SIDES]);
