// SPDX-License-Identifier: GPL-2.0-or-later
/* Rows follow on each other: what was recorded, and the gaps between, which are no idle time. */

#include "cli/render/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "proto/profile/rank.h"

#define BAR_WIDTH 30
#define SLICE_NS (PROFILE_SLICE_MS * NS_PER_MS)

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

void timeline_done(struct timeline *timeline)
{
	free(timeline->rows);
	*timeline = (struct timeline){0};
}

/* The run that has the slice, by halving; runs are in order of time. */
static size_t run_of(const struct profile *profile, uint32_t slice)
{
	size_t low = 0, high = profile->n_runs;

	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;

		if (profile->runs[middle].first_slice <= slice)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* A gap up to there, if there is one. */
static void gap_add(struct timeline *timeline, uint64_t from_ns, uint64_t until_ns)
{
	if (from_ns < until_ns)
		timeline->rows[timeline->n++] = (struct timeline_row){
			.from_ns = from_ns, .until_ns = until_ns, .is_gap = true};
}

int timeline_make(const struct profile *profile, uint32_t function, uint64_t until_ns,
	struct timeline *ret_timeline)
{
	CLEANUP(freep) bool *has = stacks_look(profile, function);
	CLEANUP(freep) size_t *row_of = calloc(profile->n_runs + 1, sizeof(*row_of));
	CLEANUP(timeline_done)
	struct timeline timeline = {
		.name = profile_string(profile, function),
		.rows = calloc(2 * profile->n_runs + 1, sizeof(*timeline.rows)),
	};
	uint64_t at_ns = profile->conditions.start_realtime_ns;

	if (!has || !row_of || !timeline.rows)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_runs; i++) {
		uint64_t from_ns = profile->conditions.start_realtime_ns +
			profile->runs[i].first_slice * SLICE_NS;

		gap_add(&timeline, at_ns, from_ns);
		at_ns = from_ns + profile->runs[i].n_slices * SLICE_NS;
		row_of[i] = timeline.n;
		timeline.rows[timeline.n++] = (struct timeline_row){
			.from_ns = from_ns, .until_ns = at_ns};
	}
	/* The last part may end a little later than what was asked for. */
	gap_add(&timeline, at_ns, until_ns);
	for (size_t i = 0; i < profile->n_samples && profile->n_runs; i++) {
		struct timeline_row
			*row = &timeline.rows[row_of[run_of(profile, profile->samples[i].slice)]];
		int64_t value = profile_value(profile, i, 0);

		row->n += value;
		row->n_with += has[profile->samples[i].stack] ? value : 0;
	}
	*ret_timeline = timeline;
	timeline.rows = NULL;
	return 0;
}

static struct rank_share share_of(const struct timeline_row *row)
{
	return rank_share_of(row->n ? (double)row->n_with / (double)row->n : 0, (double)row->n);
}

static void row_print(const struct timeline_row *row, struct buffer *out)
{
	struct rank_share share = share_of(row);
	int width = row->n ? (int)(share.share * BAR_WIDTH + 0.5) : 0;
	char bar[BAR_WIDTH + 1], when[32], length[32];

	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < width ? '#' : ' ';
	bar[BAR_WIDTH] = '\0';
	time_format(row->from_ns, when, sizeof(when));
	if (row->is_gap)
		buffer_printf(out, "%s  nothing was recorded for %s\n", when,
			text_format_duration(row->until_ns - row->from_ns, length, sizeof(length)));
	else if (!row->n)
		buffer_printf(out, "%s        –                       0\n", when);
	else
		buffer_printf(out, "%s  %5.1f %%  %5.1f…%5.1f  %8" PRId64 "  %s\n", when,
			100 * share.share, 100 * share.low, 100 * share.high, row->n, bar);
}

int timeline_append_table(const struct timeline *timeline, struct buffer *out)
{
	buffer_printf(out,
		"Share of %s in the samples, in the course of time\n\n"
		"%-19s    Share  95 %% interval  Samples\n",
		timeline->name, "From");
	for (size_t i = 0; i < timeline->n; i++)
		row_print(&timeline->rows[i], out);
	return buffer_error(out);
}

int timeline_append_json(const struct timeline *timeline, struct buffer *out)
{
	buffer_append_text(out, "[\n");
	for (size_t i = 0; i < timeline->n; i++) {
		const struct timeline_row *row = &timeline->rows[i];
		struct rank_share share = share_of(row);

		buffer_printf(out,
			"  {\"fromMs\": %" PRIu64 ", \"untilMs\": %" PRIu64
			", \"recorded\": %s, \"samples\": %" PRId64 ", \"with\": %" PRId64,
			row->from_ns / NS_PER_MS, row->until_ns / NS_PER_MS,
			row->is_gap ? "false" : "true", row->n, row->n_with);
		if (row->n)
			buffer_printf(out, ", \"share\": %.6f, \"low\": %.6f, \"high\": %.6f",
				share.share, share.low, share.high);
		buffer_append_text(out, i + 1 < timeline->n ? "},\n" : "}\n");
	}
	buffer_append_text(out, "]\n");
	return buffer_error(out);
}
