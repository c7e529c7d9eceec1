// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The file format of speedscope (www.speedscope.app/file-format-schema.json), "sampled" profiles:
 * one per thread, in order of time. Each line of a frame is a frame of theirs, so that inlined
 * functions are seen; theirs have the numbers of our lines.
 */

#include "cli/render/facts.h"
#include "cli/render/renderers.h"
#include "cli/render/stacks.h"
#include "cli/render/xml.h"
#include "proto/base/cleanup.h"

#include <string.h>

struct thread_run {
	const uint32_t *order; /* of its samples */
	size_t n;
};

static void append_frames(const struct profile *profile, struct buffer *out)
{
	buffer_append_text(out, "\"shared\":{\"frames\":[");
	for (size_t i = 0; i < profile->n_lines; i++) {
		const struct profile_line *line = &profile->lines[i];
		const struct profile_function *function = &profile->functions[line->function];

		buffer_append_text(out, i ? ",\n{\"name\":" : "\n{\"name\":");
		xml_append_json_string(out, profile_function_name(profile, line->function));
		if (function->file) {
			buffer_append_text(out, ",\"file\":");
			xml_append_json_string(out, profile_string(profile, function->file));
		}
		if (line->line)
			buffer_printf(out, ",\"line\":%u", line->line);
		buffer_append_char(out, '}');
	}
	buffer_append_text(out, "\n]},\n");
}

/* Root first: from the leaf's stack record up, written backwards. */
static void append_stack(
	const struct profile *profile, uint32_t stack, struct buffer *path, struct buffer *out)
{
	const uint32_t *frames;
	size_t n;
	bool is_first = true;

	buffer_clear(path);
	for (; stack; stack = profile->stacks[stack].parent)
		buffer_append(path, &profile->stacks[stack].frame, sizeof(uint32_t));
	frames = (const uint32_t *)(const void *)path->data;
	n = path->size / sizeof(uint32_t);
	buffer_append_char(out, '[');
	while (n) {
		const struct profile_frame *frame = &profile->frames[frames[--n]];

		for (unsigned i = frame->n_lines; i; i--) {
			buffer_printf(out, "%s%u", is_first ? "" : ",", frame->first_line + i - 1);
			is_first = false;
		}
	}
	buffer_append_char(out, ']');
}

static int append_thread(const struct profile *profile, const struct render_options *options,
	const struct thread_run *run, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer path = {0}, name = {0};
	uint32_t unit = profile->value_types[options->value_type].unit,
		 thread = profile->samples[run->order[0]].thread;
	bool is_time = strcmp(profile_string(profile, unit), "nanoseconds") == 0;
	int64_t sum = 0;

	buffer_printf(&name, "%s (%u)", stacks_thread_name(profile, thread),
		profile->threads[thread].tid);
	if (buffer_error(&name) < 0)
		return buffer_error(&name);
	buffer_append_text(out, "{\"type\":\"sampled\",\"name\":");
	xml_append_json_string(out, name.data);
	buffer_printf(out, ",\"unit\":\"%s\",\"startValue\":0,\"samples\":[",
		is_time ? "nanoseconds" : "none");
	for (size_t i = 0; i < run->n; i++) {
		buffer_append_text(out, i ? ",\n" : "\n");
		append_stack(profile, profile->samples[run->order[i]].stack, &path, out);
	}
	buffer_append_text(out, "],\"weights\":[");
	for (size_t i = 0; i < run->n; i++) {
		int64_t value = profile_value(profile, run->order[i], options->value_type);

		buffer_printf(out, "%s%lld", i ? "," : "", (long long)value);
		sum += value;
	}
	buffer_printf(out, "],\"endValue\":%lld}", (long long)sum);
	return buffer_error(&path);
}

static int append_threads(
	const struct profile *profile, const struct render_options *options, struct buffer *out)
{
	CLEANUP(freep) uint32_t *order = NULL;
	size_t end;
	int r;

	r = stacks_order(profile, true, &order);
	if (r < 0)
		return r;
	for (size_t start = 0; start < profile->n_samples; start = end) {
		uint32_t thread = profile->samples[order[start]].thread;
		struct thread_run run = {.order = order + start};

		for (end = start; end < profile->n_samples; end++) {
			if (profile->samples[order[end]].thread != thread)
				break;
		}
		run.n = end - start;
		buffer_append_text(out, start ? ",\n" : "\n");
		r = append_thread(profile, options, &run, out);
		if (r < 0)
			return r;
	}
	return 0;
}

int render_speedscope(
	const struct profile *profile, const struct render_options *options, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer title = {0};
	int r;

	facts_append_title(profile, options->title, &title);
	r = buffer_error(&title);
	if (r < 0)
		return r;
	buffer_append_text(out,
		"{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n\"name\":");
	xml_append_json_string(out, title.data);
	buffer_append_text(out, ",\"exporter\":\"perfctl " PERFCTL_VERSION "\",\n");
	append_frames(profile, out);
	buffer_append_text(out, "\"profiles\":[");
	r = append_threads(profile, options, out);
	if (r < 0)
		return r;
	buffer_append_text(out, "\n]}\n");
	return buffer_error(out);
}
