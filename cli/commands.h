/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "cli/options.h"

/* Exit codes of every command; they are part of the interface. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_REGRESSION = 3, /* of `diff` and `report --fail-on` */
	EXIT_NOT_PERMITTED = 4,
	EXIT_NO_TARGET = 5,
	EXIT_UNREACHABLE = 6,
	/* Of `record -- COMMAND`, as in env(1). */
	EXIT_OWN_FAILURE = 125,
	EXIT_CANNOT_EXECUTE = 126,
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNAL = 128,
};

/* The command looks itself at how many arguments there are. */
#define ARGUMENTS_ITS_OWN -1

struct command {
	const char *name;
	int n_arguments; /* so many, or ARGUMENTS_ITS_OWN */
	const char *takes; /* which those are, for the error when they are not; NULL: none */
	const char *usage; /* what follows "perfctl NAME" */
	const char *summary; /* one line */
	const char *details; /* paragraphs, or NULL */
	const char *example;
	const struct option_spec *options;
	size_t n_options;
	/* argv[0] is the command's name. Returns an exit code. */
	int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_record, command_hotspots, command_diff, command_report,
	command_baseline, command_flame, command_convert, command_query, command_metrics,
	command_list, command_stop, command_status, command_doctor;

/* All of perfctl: argv as main() gets it. Returns an exit code. */
int commands_run(int argc, char **argv);
