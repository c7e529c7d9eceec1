/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Paragraphs that kinds of write-ups have in common; shared by cli/report and by nobody else. Each
 * appends whole lines; 0 or -ENOMEM where it says so. */

#include "cli/report/report.h"
#include "proto/profile/rank.h"

/* A name as code, so that no character of it means anything to Markdown. */
void report_code(struct buffer *out, const char *name);

/* "redis-server (4242)", or the source's name. */
void report_append_target(const struct report *report, struct buffer *out);

/* ": 7 300 samples". */
void report_append_samples(const struct profile *profile, struct buffer *out);

/* "23.1 % (21.3…25.0)". */
void report_append_share(const struct rank_share *share, struct buffer *out);

/* A table of the first rows. */
int report_append_hotspots(
	const struct report *report, enum rank_by by, size_t n_max, struct buffer *out);

/* The stacks with the most samples, from the root, the deepest part first cut in the middle. */
int report_append_stacks(const struct report *report, size_t n_max, struct buffer *out);

/* What a reader must know before trusting it. */
int report_append_threats(const struct report *report, struct buffer *out);

/* Conditions, and how to get the figures again. */
void report_append_conditions(const struct report *report, struct buffer *out);

/* The picture, if there is one. */
void report_append_picture(const struct report *report, struct buffer *out);

/* Runs of the command: each figure's median, percentiles, ends and deviation. Nothing if there are none. */
int report_append_runs(const struct profile *profile, struct buffer *out);

/* Seconds of CPU time that the samples stand for, and seconds that were recorded; 0: unknown. */
double report_cpu_seconds(const struct profile *profile);
double report_seconds(const struct profile *profile);

/* The kinds. */
int report_append_diagnosis(const struct report *report, struct buffer *out);
int report_append_baseline(const struct report *report, struct buffer *out);
int report_append_after(struct report *report, struct buffer *out, struct profile_error *error);
