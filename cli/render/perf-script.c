// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The text that perf script prints (perf-script(1)): a heading per sample, its frames leaf first, an
 * empty line. A sample of ours may stand for several, taken within one slice of time: they are
 * written one by one, spread evenly over the slice, since importers count headings.
 */

#include <errno.h>

#include "cli/render/renderers.h"
#include "cli/render/stacks.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

/* More samples than this make a text that nobody can import. */
#define PERF_SCRIPT_SAMPLES_MAX 4000000

static void append_frame(const struct profile *profile, uint32_t id, struct buffer *out)
{
	const struct profile_frame *frame = &profile->frames[id];
	const char *module = profile_string(profile, profile->mappings[frame->mapping].path);

	if (frame->kind == PROFILE_FRAME_KERNEL && !*module)
		module = "[kernel.kallsyms]";
	for (unsigned i = 0; i < frame->n_lines; i++) {
		uint32_t function = profile->lines[frame->first_line + i].function;
		bool is_inlined = i + 1u < frame->n_lines;

		buffer_printf(out, "\t%16llx %s (%s)\n", (unsigned long long)frame->address,
			profile_function_name(profile, function),
			is_inlined        ? "inlined"
				: *module ? module
					  : "[unknown]");
	}
}

static void append_heading(const struct profile *profile, const struct profile_sample *sample,
	uint64_t time_ns, uint64_t period, struct buffer *out)
{
	const struct profile_thread *thread = &profile->threads[sample->thread];
	const char *event = profile_string(profile, profile->conditions.event);

	buffer_printf(out, "%s %5u/%-5u [000] %6llu.%06llu: %10llu %s: \n",
		stacks_thread_name(profile, sample->thread),
		profile->processes[thread->process].pid, thread->tid,
		(unsigned long long)(time_ns / NS_PER_SECOND),
		(unsigned long long)(time_ns % NS_PER_SECOND / NS_PER_US),
		(unsigned long long)period, *event ? event : "cpu-clock");
}

static void append_sample(const struct profile *profile, uint32_t index, struct buffer *out)
{
	const struct profile_sample *sample = &profile->samples[index];
	int64_t n = profile_value(profile, index, 0);
	uint64_t period = 1, slice_ns = PROFILE_SLICE_MS * NS_PER_MS;

	if (n <= 0)
		return;
	if (profile->n_value_types > 1)
		period = (uint64_t)(profile_value(profile, index, 1) / n);
	for (int64_t i = 0; i < n; i++) {
		uint64_t time_ns = sample->slice * slice_ns + slice_ns * (uint64_t)i / (uint64_t)n;

		append_heading(profile, sample, time_ns, period, out);
		for (uint32_t stack = sample->stack; stack; stack = profile->stacks[stack].parent)
			append_frame(profile, profile->stacks[stack].frame, out);
		buffer_append_char(out, '\n');
	}
}

int render_perf_script(
	const struct profile *profile, const struct render_options *options, struct buffer *out)
{
	CLEANUP(freep) uint32_t *order = NULL;
	int64_t n = 0;
	int r;

	for (size_t i = 0; i < profile->n_samples; i++) {
		if (profile_value(profile, i, 0) > PERF_SCRIPT_SAMPLES_MAX - n)
			return -E2BIG;
		n += profile_value(profile, i, 0);
	}
	r = stacks_order(profile, false, &order);
	if (r < 0)
		return r;
	for (size_t i = 0; i < profile->n_samples; i++)
		append_sample(profile, order[i], out);
	return buffer_error(out);
}
