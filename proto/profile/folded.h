/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Folded stacks, one line each: "comm;outermost;…;leaf N" (the text format of Brendan Gregg's
 * stackcollapse programs). In names ';' is written ':'; control and invalid bytes are '?'; spaces
 * are kept. A truncated stack has "[truncated:REASON]" directly under comm.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buffer.h"
#include "proto/profile/profile.h"

/* A line, and a number of names on it, beyond which a file is refused. */
#define FOLDED_LINE_BYTES_MAX (1024 * 1024)
#define FOLDED_DEPTH_MAX 16384

enum folded_weight {
	FOLDED_SAMPLES,
	/* Whole milliseconds of the first value type in nanoseconds (samples, if there is none),
	 * rounded along the sum: the total is exact, each line is less than one off, and a line
	 * that comes to nothing is left out. */
	FOLDED_MS,
};

struct folded_options {
	enum folded_weight weight;
	size_t bytes_max; /* of text; 0: without a limit */
	bool annotate; /* _[k] kernel, _[i] inlined, _[j] JIT behind the names */
};

/* Appends the lines, sorted, each text once. NULL options: samples, no marks, no limit. 0, -ENOMEM, or
 * -E2BIG above bytes_max. */
int folded_encode(
	const struct profile *profile, const struct folded_options *options, struct buffer *out);

/*
 * Reads folded stacks, also those of other tools: the last field is the number (a fraction is
 * rounded), all before it the stack; marks are understood; empty lines and lines that start with
 * '#' and end in no number are skipped. Gives a sealed profile with samples/count whose ledger was
 * counted. 0, -ENOMEM, or PROFILE_MALFORMED with the line and the cause in `error`.
 */
int folded_decode(
	const void *bytes, size_t n, struct profile **ret_profile, struct profile_error *error);

/* Splits a line into stack and number, rounded; what does not fit is above INT64_MAX. False: it does
 * not end in a number that is 0 or more. */
bool folded_line_split(const char *line, size_t n, size_t *ret_stack_size, uint64_t *ret_value);
