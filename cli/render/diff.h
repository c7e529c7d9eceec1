/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proto/base/buffer.h"
#include "proto/profile/compare.h"

struct render_options;

/* A comparison and what it was made of; nothing is owned. */
struct diff {
	const struct comparison *comparison;
	struct compare_side sides[COMPARE_SIDES];
	const char *names[COMPARE_SIDES]; /* as they were asked for */
	double threshold; /* of the gate, 0.1 is 10 %; NAN: none */
	const struct compare_row *regression; /* what the gate found, or NULL */
	size_t limit; /* rows; 0: all */
	unsigned width; /* columns; 0: names are not cut */
	bool has_colour;
};

/* The comparison as a table for a person. 0 or -ENOMEM. */
int diff_append_table(const struct diff *diff, struct buffer *out);

/* The same for programs: one JSON object, ending in a newline. 0 or -ENOMEM. */
int diff_append_json(const struct diff *diff, struct buffer *out);

/* Both sides as one flame graph, coloured by what changed. 0, -ENOMEM or -E2BIG. */
int render_flame_diff(
	const struct diff *diff, const struct render_options *options, struct buffer *out);

/* Words that tables and write-ups share. */

/* "+10.3 %", "new", "gone", "?". */
void diff_append_change(double change, struct buffer *out);

/* "+7.1…+13.6 %"; an open end is "∞". */
void diff_append_interval(const struct compare_row *row, struct buffer *out);

/* "30.1 %", "1.234 s" by what is compared. */
void diff_append_value(const struct comparison *comparison, double value, struct buffer *out);

/* "slower", "faster (marginal)", "no evidence"; a joined name is said with it. */
void diff_append_verdict(const struct compare_row *row, struct buffer *out);

/* "a change of 11.6 % in a function with 30 % of the time, of …", and what it takes to see less: to the
 * end of the line. */
void diff_append_detectable(const struct comparison *comparison, struct buffer *out);

/* Behind a gate that found nothing: that so little would hardly have been seen, if so. A sentence with
 * a blank before it, or nothing. */
void diff_append_gate_doubt(
	const struct comparison *comparison, double threshold, struct buffer *out);

/* How the two were compared, and what could have been found: sentences, each a line. */
void diff_append_method(const struct diff *diff, struct buffer *out);
void diff_append_power(const struct comparison *comparison, struct buffer *out);
