// SPDX-License-Identifier: GPL-2.0-or-later
/* Slices that have samples are gathered into rows of equal length. */

#include "cli/render/series.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "proto/profile/rank.h"

#define BAR_WIDTH 30

struct row {
	int64_t n, n_with;
};

static bool frame_has(const struct profile *profile, uint32_t frame, uint32_t function)
{
	const struct profile_frame *f = &profile->frames[frame];

	for (size_t i = 0; i < f->n_lines; i++)
		if (profile->functions[profile->lines[f->first_line + i].function].name == function)
			return true;
	return false;
}

/* Whether the function is on each stack; a stack has a greater id than its callers'. */
static bool *stacks_look(const struct profile *profile, uint32_t function)
{
	bool *has = calloc(profile->n_stacks + 1, sizeof(*has));

	for (size_t i = 1; has && i < profile->n_stacks; i++)
		has[i] = has[profile->stacks[i].parent] ||
			frame_has(profile, profile->stacks[i].frame, function);
	return has;
}

static uint64_t slices(const struct profile *profile)
{
	uint64_t n = profile->conditions.duration_ns / (PROFILE_SLICE_MS * NS_PER_MS);

	for (size_t i = 0; i < profile->n_samples; i++)
		if (profile->samples[i].slice >= n)
			n = profile->samples[i].slice + UINT64_C(1);
	return n ? n : 1;
}

static void row_print(uint64_t from_ns, const struct row *row, struct buffer *out)
{
	struct rank_share share = rank_share_of(
		row->n ? (double)row->n_with / (double)row->n : 0, (double)row->n);
	char bar[BAR_WIDTH + 1], when[32];
	int width = row->n ? (int)(share.share * BAR_WIDTH + 0.5) : 0;

	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < width ? '#' : ' ';
	bar[BAR_WIDTH] = '\0';
	time_format(from_ns, when, sizeof(when));
	if (!row->n)
		buffer_printf(out, "%s         –                        0\n", when);
	else
		buffer_printf(out, "%s  %5.1f %%  %5.1f…%5.1f  %8" PRId64 "  %s\n", when,
			100 * share.share, 100 * share.low, 100 * share.high, row->n, bar);
}

static void row_json(uint64_t from_ns, const struct row *row, bool is_last, struct buffer *out)
{
	struct rank_share share = rank_share_of(
		row->n ? (double)row->n_with / (double)row->n : 0, (double)row->n);

	buffer_printf(out,
		"  {\"fromMs\": %" PRIu64 ", \"samples\": %" PRId64 ", \"with\": %" PRId64
		", \"share\": %.6f, \"low\": %.6f, \"high\": %.6f}%s\n",
		from_ns / NS_PER_MS, row->n, row->n_with, share.share, share.low, share.high,
		is_last ? "" : ",");
}

int series_append(const struct profile *profile, uint32_t function,
	const struct series_options *options, struct buffer *out)
{
	CLEANUP(freep) bool *has = stacks_look(profile, function);
	uint64_t n_slices = slices(profile);
	uint64_t n = options->n_max && options->n_max < n_slices ? options->n_max : n_slices;
	uint64_t length = (n_slices + n - 1) / n;
	CLEANUP(freep) struct row *rows = calloc(n, sizeof(*rows));

	if (!has || !rows)
		return -ENOMEM;
	n = (n_slices + length - 1) / length;
	for (size_t i = 0; i < profile->n_samples; i++) {
		struct row *row = &rows[profile->samples[i].slice / length];
		int64_t value = profile_value(profile, i, 0);

		row->n += value;
		row->n_with += has[profile->samples[i].stack] ? value : 0;
	}
	if (options->is_json)
		buffer_append_text(out, "[\n");
	else
		buffer_printf(out,
			"Share of %s in the samples, in the course of time\n\n"
			"%-19s    Share  95 %% interval  Samples\n",
			profile_string(profile, function), "From");
	for (uint64_t i = 0; i < n; i++) {
		uint64_t from_ns = profile->conditions.start_realtime_ns +
			i * length * PROFILE_SLICE_MS * NS_PER_MS;

		if (options->is_json)
			row_json(from_ns, &rows[i], i + 1 == n, out);
		else
			row_print(from_ns, &rows[i], out);
	}
	if (options->is_json)
		buffer_append_text(out, "]\n");
	return buffer_error(out);
}
