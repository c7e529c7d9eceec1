/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A sample is a heading, "comm tid [cpu] time: period event: ", then its frames, one a line and leaf
 * first, "address symbol+0xoffset (module)", then an empty line; without a call chain the one frame
 * stands in the heading. The comm may hold anything, so the heading is understood from the time on
 * backwards. A frame of module "(inlined)" is a line of the frame behind it.
 */

#include "proto/profile/perf-script.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "proto/profile/perf-script-lines.h"

#define DEPTH_MAX 16384

/* While a file is read. */
struct reader {
	struct profile *profile;
	struct profile_error *error;
	size_t n_lines;
	bool has_sample, has_time_values;
	struct profile_sample sample; /* the one at hand */
	int64_t values[2];
	uint32_t *frames; /* its frames, leaf first */
	size_t n_frames, n_frames_allocated;
	struct profile_line *lines; /* of the frame at hand, innermost first */
	size_t n_frame_lines, n_lines_allocated;
	uint64_t first_ns, last_ns;
};

static void reader_done(struct reader *reader)
{
	profile_unref(reader->profile);
	free(reader->frames);
	free(reader->lines);
}

/* Adds the frame that the gathered lines are, and begins the next. */
static int frame_flush(struct reader *reader, struct profile_frame *frame)
{
	int r;

	if (reader->n_frames >= DEPTH_MAX)
		return profile_malformed(reader->error, "line %zu: a stack deeper than %d",
			reader->n_lines, DEPTH_MAX);
	r = array_reserve(&reader->frames, &reader->n_frames_allocated, reader->n_frames + 1,
		sizeof(*reader->frames));
	if (r < 0)
		return r;
	r = profile_add_frame(reader->profile, frame, reader->lines, reader->n_frame_lines,
		&reader->frames[reader->n_frames]);
	if (r < 0)
		return r;
	reader->n_frames++;
	reader->n_frame_lines = 0;
	return 0;
}

/* Puts the sample at hand into the profile. */
static int sample_flush(struct reader *reader)
{
	struct profile_frame rest = {.kind = PROFILE_FRAME_USER};
	int r = 0;

	if (!reader->has_sample)
		return 0;
	if (reader->n_frame_lines)
		r = frame_flush(reader, &rest);
	while (!r && reader->n_frames)
		r = profile_add_stack(reader->profile, reader->sample.stack,
			reader->frames[--reader->n_frames], &reader->sample.stack);
	if (r)
		return r;
	reader->has_sample = false;
	return profile_add_sample(reader->profile, &reader->sample, reader->values);
}

static int frame_add(struct reader *reader, const struct perf_script_frame *parsed)
{
	struct profile *profile = reader->profile;
	struct profile_frame frame = {
		.kind = parsed->is_kernel ? PROFILE_FRAME_KERNEL : PROFILE_FRAME_USER};
	struct profile_mapping mapping = {};
	struct profile_function function = {};
	int r = profile_add_string_n(
		profile, parsed->symbol.at, parsed->symbol.size, &function.name);

	if (r < 0)
		return r;
	if (reader->n_frame_lines >= DEPTH_MAX)
		return profile_malformed(reader->error, "line %zu: more than %d inlined functions",
			reader->n_lines, DEPTH_MAX);
	r = array_reserve(&reader->lines, &reader->n_lines_allocated, reader->n_frame_lines + 1,
		sizeof(*reader->lines));
	if (r < 0)
		return r;
	reader->lines[reader->n_frame_lines] = (struct profile_line){};
	r = profile_add_function(
		profile, &function, &reader->lines[reader->n_frame_lines].function);
	if (r < 0)
		return r;
	reader->n_frame_lines++;
	if (parsed->is_inlined)
		return 0;
	r = profile_add_string_n(profile, parsed->module.at, parsed->module.size, &mapping.path);
	if (r < 0)
		return r;
	if (mapping.path) {
		r = profile_add_mapping(profile, &mapping, &frame.mapping);
		if (r < 0)
			return r;
	}
	if (parsed->is_unnamed) {
		r = profile_add_string(profile, "not-symbolized", &frame.unnamed);
		if (r < 0)
			return r;
	}
	return frame_flush(reader, &frame);
}

static int thread_add(
	struct profile *profile, const struct perf_script_heading *heading, uint32_t *ret_thread)
{
	struct profile_process process = {.pid = heading->pid, .uid = PROFILE_UID_UNKNOWN};
	struct profile_thread thread = {.tid = heading->tid};
	int r = profile_add_string_n(profile, heading->comm.at, heading->comm.size, &process.comm);

	if (r < 0)
		return r;
	thread.name = process.comm;
	r = profile_add_process(profile, &process, &thread.process);
	return r < 0 ? r : profile_add_thread(profile, &thread, ret_thread);
}

/* What the first heading says of all: the event, and whether periods are CPU time. */
static int event_decide(struct reader *reader, const struct perf_script_heading *heading)
{
	struct profile *profile = reader->profile;
	const char *event;
	int r = profile_add_string_n(
		profile, heading->event.at, heading->event.size, &profile->conditions.event);

	if (r < 0)
		return r;
	event = profile_string(profile, profile->conditions.event);
	reader->has_time_values = text_starts_with(event, "cpu-clock") ||
		text_starts_with(event, "task-clock");
	reader->first_ns = heading->time_ns;
	r = profile_add_value_type(profile, "samples", "count");
	if (r < 0 || !reader->has_time_values)
		return r;
	return profile_add_value_type(profile, "cpu", "nanoseconds");
}

static int heading_add(struct reader *reader, const struct perf_script_heading *heading)
{
	uint64_t slice;
	int r = sample_flush(reader);

	if (r)
		return r;
	if (!reader->profile->n_value_types) {
		r = event_decide(reader, heading);
		if (r < 0)
			return r;
	}
	reader->sample = (struct profile_sample){};
	reader->values[0] = 1;
	reader->values[1] = heading->period <= INT64_MAX ? (int64_t)heading->period : 0;
	if (heading->time_ns > reader->last_ns)
		reader->last_ns = heading->time_ns;
	if (heading->time_ns > reader->first_ns) {
		slice = (heading->time_ns - reader->first_ns) / (PROFILE_SLICE_MS * NS_PER_MS);
		reader->sample.slice = slice < UINT32_MAX ? (uint32_t)slice : UINT32_MAX;
	}
	r = thread_add(reader->profile, heading, &reader->sample.thread);
	if (r < 0)
		return r;
	reader->has_sample = true;
	return 0;
}

static int line_decode(struct reader *reader, struct perf_script_text line)
{
	struct perf_script_heading heading;
	struct perf_script_frame frame;

	reader->n_lines++;
	while (line.size && isspace((unsigned char)line.at[line.size - 1]))
		line.size--;
	if (!line.size)
		return sample_flush(reader);
	/* Frames are indented; a heading may be, but no frame reads as one. */
	if (reader->has_sample && isspace((unsigned char)line.at[0]) &&
		perf_script_frame_parse(line, &frame))
		return frame_add(reader, &frame);
	if (perf_script_heading_parse(line, &heading)) {
		int r = heading_add(reader, &heading);

		if (r)
			return r;
		return perf_script_frame_parse(heading.rest, &frame) ? frame_add(reader, &frame)
								     : 0;
	}
	if (line.at[0] == '#')
		return 0;
	return profile_malformed(reader->error,
		"is no perf script text: line %zu is neither a sample's heading nor a frame",
		reader->n_lines);
}

static int end_decode(struct reader *reader)
{
	struct profile *profile = reader->profile;
	int r = sample_flush(reader);

	if (r)
		return r;
	if (!profile->n_samples)
		return profile_malformed(reader->error, "holds no samples");
	profile->conditions.duration_ns = reader->last_ns - reader->first_ns;
	r = profile_count_samples(profile);
	if (r < 0)
		return r;
	profile_balance(profile);
	profile_seal(profile);
	return 0;
}

int perf_script_decode(
	const void *bytes, size_t n, struct profile **ret_profile, struct profile_error *error)
{
	CLEANUP(reader_done) struct reader reader = {.error = error, .profile = profile_new()};
	const char *at = bytes, *end = at + n;
	int r;

	if (!reader.profile)
		return -ENOMEM;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((newline ? newline : end) - at);

		r = line_decode(&reader, (struct perf_script_text){at, size});
		if (r)
			return r;
		at += size + (newline != NULL);
	}
	r = end_decode(&reader);
	if (r)
		return r;
	*ret_profile = TAKE(reader.profile);
	return 0;
}
