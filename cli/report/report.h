/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Write-ups: what a profile says, for a reader who knows neither the program nor the profiler. Made
 * from data alone: the same bytes for the same input. Each is Markdown; HTML is made of that.
 */

#include "proto/base/buffer.h"
#include "proto/profile/compare.h"
#include "proto/profile/profile.h"

#define REPORT_STEPS_MAX 16

enum report_kind { REPORT_DIAGNOSIS, REPORT_BASELINE, REPORT_AFTER };

/* What was measured after a change. */
struct report_step {
	const struct profile *profile;
	const char *source;
};

/* Texts and profiles are borrowed. */
struct report {
	enum report_kind kind;
	const struct profile *profile; /* what it is about; of "after", the last step's */
	const char *source; /* how it is called, base name only; NULL: not said */
	const char *title; /* NULL: made from the profile */
	const char *picture, *native; /* base names of the files beside it; NULL: none */
	/* Of "after" alone. */
	const struct profile *before;
	const char *before_source;
	const char *before_native;
	struct report_step steps[REPORT_STEPS_MAX];
	size_t n_steps;
	double threshold; /* of the gate, 0.1 is 10 %; NAN: none */
	/* Made on the way: did the gate find a regression? */
	bool is_regression;
};

/* 0, -ENOMEM, or REPORT_IMPOSSIBLE where what is to be compared cannot be, with the cause in `error`. */
enum { REPORT_IMPOSSIBLE = 1 };
int report_append_markdown(struct report *report, struct buffer *out, struct profile_error *error);

/*
 * Our own Markdown as one HTML file, which asks for nothing else: `svg` (may be NULL) takes the place
 * of the picture. 0 or -ENOMEM.
 */
int report_append_html(
	const char *markdown, const char *title, const char *svg, struct buffer *out);
