/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Where a profile goes that the daemon hands out: files, standard output, the terminal. */

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "cli/output.h"
#include "cli/render/renderers.h"
#include "proto/base/buffer.h"

#define RESULTS_MAX 16

enum { OPTION_RESULT_JSON = 700, OPTION_RESULT_STDOUT };

#define RESULT_OPTION_SPECS                                                                        \
	{'o', "output", "FILE", "write this file, its format by its suffix; repeatable"},          \
		{'f', "format", "FORMAT", "format where the name does not tell: folded, svg, …"},  \
		{OPTION_RESULT_STDOUT, "stdout", NULL,                                             \
			"write to standard output (folded), as -o -"},                             \
		{'q', "quiet", NULL, "errors only"},                                               \
	{                                                                                          \
		OPTION_RESULT_JSON, "json", NULL, "a summary for programs on standard output"      \
	}

struct result {
	const char *path;
	const struct renderer *renderer;
	struct output output;
};

/* For CLEANUP: results_done(). */
struct results {
	struct result items[RESULTS_MAX];
	size_t n;
	const char *format;
	char *default_path; /* the one file that was not asked for, and goes with a table */
	bool has_json, is_quiet;
};

/* Takes one of the options above. 0, -EINVAL after saying why, or RESULTS_FOREIGN. */
enum { RESULTS_FOREIGN = 1 };
int results_set(struct results *results, const struct option_spec *spec, const char *value);

/* Finds a format for each output. 0, or -EINVAL after saying what is wrong. */
int results_check(struct results *results, const struct command *command);

/*
 * Opens all outputs, so that nothing is recorded that cannot be kept. Where none was asked for:
 * NAME-PID-YYYYmmdd-HHMMSS.pb.gz (without -PID where it is 0) in the current directory. 0, or a negative errno after saying why.
 */
int results_open(struct results *results, const char *name, uint32_t pid);

/* Is any output there yet? */
bool results_are_asked(const struct results *results);

/*
 * Writes a profile (gzipped pprof bytes, as the daemon hands them out) to all outputs, then shows
 * what was got: the summary, and the hottest functions or the JSON. 0, or an exit code after saying
 * why.
 */
int results_write(struct results *results, const struct buffer *bytes);

void results_done(struct results *results);
