/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Profiles into numbers: the functions of both sides get one numbering, each sample is added to its
 * function and to its run. Runs of several profiles, and those within one, are numbered on. Times and
 * not counts are added where there are any, so that rates may differ.
 */

#include "proto/profile/compare-series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define SLICE_SECONDS (PROFILE_SLICE_MS / 1e3)

/* One profile under the common numbering. */
struct view {
	const struct profile *profile;
	uint32_t *line_functions, *frame_functions; /* the latter of frames without lines */
	uint32_t *stamps, *found; /* by function; of the stack at hand */
	uint32_t stamp;
	int times; /* value type, or -1 */
	bool is_total;
};

static void view_done(struct view *view)
{
	free(view->line_functions);
	free(view->frame_functions);
	free(view->stamps);
	free(view->found);
}

static int times_of(const struct profile *profile)
{
	for (size_t i = 0; i < profile->n_value_types; i++)
		if (!strcmp(profile_string(profile, profile->value_types[i].unit), "nanoseconds"))
			return (int)i;
	return -1;
}

/* A module with a second build-id has changed: where functions begin says nothing then. */
static int changed_find(const struct compare_side sides[COMPARE_SIDES], struct series_names *names)
{
	CLEANUP(intern_done) struct intern modules = {0};
	CLEANUP(freep) const char **ids = NULL;
	size_t n_allocated = 0;
	int r = intern_init(&modules);

	for (size_t i = 0; r == 0 && i < sides[0].n + sides[1].n; i++) {
		const struct profile *profile = i < sides[0].n ? sides[0].profiles[i]
							       : sides[1].profiles[i - sides[0].n];

		for (size_t j = 1; r == 0 && j < profile->n_mappings; j++) {
			const struct profile_mapping *mapping = &profile->mappings[j];
			const char *id = profile_string(profile, mapping->build_id);
			const char *name = text_base_name(profile_string(profile, mapping->path));
			uint32_t module, changed;

			if (!*id)
				continue;
			r = intern_add(&modules, name, strlen(name), &module);
			if (r == 0)
				r = array_reserve(&ids, &n_allocated, modules.n, sizeof(*ids));
			if (r < 0)
				return r;
			if (ids[module] && strcmp(ids[module], id) != 0)
				r = intern_add(&names->changed, name, strlen(name), &changed);
			ids[module] = id;
		}
	}
	return r;
}

static bool is_changed(const struct series_names *names, const char *module)
{
	for (uint32_t i = 1; i < names->changed.n; i++)
		if (!strcmp(intern_text(&names->changed, i), module))
			return true;
	return false;
}

/* "[module+0x1234]" of a module that changed is "[module, without names]". */
static int name_make(const struct series_names *names, const struct profile *profile,
	const struct profile_frame *frame, uint32_t function, struct buffer *name)
{
	const char *text = profile_function_name(profile, function);
	const char *module = text_base_name(
		profile_string(profile, profile->mappings[frame->mapping].path));

	if (frame->unnamed && strstr(text, "+0x") && is_changed(names, module))
		buffer_printf(name, "[%s, without names]", module);
	else
		buffer_append_text(name, text);
	return buffer_error(name);
}

int series_function(struct series_names *names, const struct profile *profile, uint32_t frame_id,
	uint32_t line, uint32_t *ret_function)
{
	const struct profile_frame *frame = &profile->frames[frame_id];
	CLEANUP(buffer_done) struct buffer name = {0};
	uint32_t function = frame->n_lines ? profile->lines[frame->first_line + line].function : 0;
	uint32_t id, n = names->texts.n;
	int r = name_make(names, profile, frame, function, &name);

	if (r == 0)
		r = intern_add(&names->texts, name.data, name.size, &id);
	if (r == 0)
		r = array_reserve(&names->modules, &names->n_allocated[0], names->texts.n,
			sizeof(*names->modules));
	if (r == 0)
		r = array_reserve(&names->files, &names->n_allocated[1], names->texts.n,
			sizeof(*names->files));
	if (r == 0)
		r = array_reserve(&names->lines, &names->n_allocated[2], names->texts.n,
			sizeof(*names->lines));
	if (r < 0)
		return r;
	if (id >= n || !*names->files[id]) {
		names->modules[id] = profile_string(
			profile, profile->mappings[frame->mapping].path);
		names->files[id] = profile_string(profile, profile->functions[function].file);
		names->lines[id] = profile->functions[function].start_line;
	}
	*ret_function = id;
	return 0;
}

/* Each function of a profile is asked for once per frame kind that matters: named by its function. */
static int view_name(struct view *view, struct series_names *names)
{
	const struct profile *profile = view->profile;
	CLEANUP(freep) uint32_t *known = calloc(profile->n_functions, sizeof(*known));

	view->line_functions = calloc(profile->n_lines + 1, sizeof(uint32_t));
	view->frame_functions = calloc(profile->n_frames, sizeof(uint32_t));
	if (!known || !view->line_functions || !view->frame_functions)
		return -ENOMEM;
	for (uint32_t i = 1; i < profile->n_frames; i++) {
		const struct profile_frame *frame = &profile->frames[i];
		uint32_t unused;
		int r = 0;

		if (!frame->n_lines)
			r = series_function(names, profile, i, 0, &view->frame_functions[i]);
		for (uint32_t line = 0; r == 0 && line < frame->n_lines; line++) {
			uint32_t at = frame->first_line + line;
			uint32_t *id = frame->unnamed ? &unused
						      : &known[profile->lines[at].function];

			if (frame->unnamed || !*id)
				r = series_function(names, profile, i, line, id);
			view->line_functions[at] = *id;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int view_init(
	struct view *view, const struct profile *profile, bool is_total, struct series_names *names)
{
	int r;

	*view = (struct view){.profile = profile, .times = times_of(profile), .is_total = is_total};
	r = view_name(view, names);
	if (r < 0)
		return r;
	view->stamps = calloc(names->texts.n, sizeof(*view->stamps));
	view->found = calloc(names->texts.n, sizeof(*view->found));
	return view->stamps && view->found ? 0 : -ENOMEM;
}

/* The functions that a stack counts for, into view->found: the leaf, or all, each once. */
static size_t view_find(struct view *view, uint32_t stack)
{
	const struct profile *profile = view->profile;
	size_t n_found = 0;

	view->stamp++;
	for (; stack; stack = profile->stacks[stack].parent) {
		uint32_t frame = profile->stacks[stack].frame, n = profile->frames[frame].n_lines;

		for (uint32_t line = 0; line < (n ? n : 1); line++) {
			uint32_t function = n
				? view->line_functions[profile->frames[frame].first_line + line]
				: view->frame_functions[frame];

			if (view->stamps[function] != view->stamp)
				view->found[n_found++] = function;
			view->stamps[function] = view->stamp;
			if (!view->is_total)
				return n_found;
		}
	}
	return n_found;
}

static double value_of(const struct series *series, const struct view *view, size_t sample)
{
	const struct profile *profile = view->profile;
	int64_t value = profile_value(profile, sample, series->has_times ? (size_t)view->times : 0);

	if (value <= 0)
		return 0;
	return series->has_times ? (double)value / 1e9 : (double)value;
}

static size_t n_runs_of(const struct profile *profile)
{
	return profile->n_runs ? profile->n_runs : 1;
}

/* The last run that began before. */
static size_t run_of(const struct profile *profile, uint32_t slice)
{
	size_t run = 0;

	while (run + 1 < profile->n_runs && profile->runs[run + 1].first_slice <= slice)
		run++;
	return run;
}

static int view_sum(struct view *view, struct series *series, size_t first_run)
{
	const struct profile *profile = view->profile;

	for (size_t i = 0; i < profile->n_samples; i++) {
		const struct profile_sample *sample = &profile->samples[i];
		double value = value_of(series, view, i);
		double count = fmax(0, (double)profile_value(profile, i, 0));
		size_t run = first_run + run_of(profile, sample->slice), n;

		if (!(value > 0))
			continue;
		series->wholes[run] += value;
		series->n_samples += count;
		n = view_find(view, sample->stack);
		for (size_t j = 0; j < n; j++) {
			series->values[view->found[j] * series->n_runs + run] += value;
			series->counts[view->found[j]] += count;
		}
	}
	return 0;
}

static void runs_measure(struct series *series, const struct profile *profile, size_t first_run)
{
	for (size_t i = 0; i < n_runs_of(profile); i++) {
		double *seconds = &series->seconds[first_run + i];
		const struct profile_run *run = profile->runs + i;

		*seconds = (double)profile->conditions.duration_ns / 1e9;
		if (!profile->n_runs || !profile->conditions.command) {
			series->has_work = false;
			continue;
		}
		*seconds = (double)run->n_slices * SLICE_SECONDS;
		series->work[first_run + i] = (double)(run->user_ns + run->system_ns) / 1e9;
		series->has_work &= series->work[first_run + i] > 0;
	}
}

static int series_init(struct series *series, const struct series_names *names)
{
	const struct compare_side *side = series->side;

	for (size_t i = 0; i < side->n; i++)
		series->n_runs += n_runs_of(side->profiles[i]);
	series->n_functions = names->texts.n;
	series->values = calloc(series->n_functions * series->n_runs, sizeof(double));
	series->counts = calloc(series->n_functions, sizeof(double));
	series->wholes = calloc(series->n_runs, sizeof(double));
	series->seconds = calloc(series->n_runs, sizeof(double));
	series->work = calloc(series->n_runs, sizeof(double));
	series->has_work = true;
	if (!series->values || !series->counts || !series->wholes || !series->seconds ||
		!series->work)
		return -ENOMEM;
	return 0;
}

static int series_sum(struct series *series, struct series_names *names, bool is_total)
{
	size_t first_run = 0;
	int r = series_init(series, names);

	for (size_t i = 0; r == 0 && i < series->side->n; i++) {
		const struct profile *profile = series->side->profiles[i];
		CLEANUP(view_done) struct view view = {0};

		r = view_init(&view, profile, is_total, names);
		if (r == 0)
			r = view_sum(&view, series, first_run);
		runs_measure(series, profile, first_run);
		first_run += n_runs_of(profile);
	}
	for (size_t i = 0; r == 0 && i < series->n_runs; i++)
		series->whole += series->wholes[i];
	return r;
}

int series_make(const struct compare_side sides[COMPARE_SIDES], bool is_total,
	struct series_names *names, struct series series[COMPARE_SIDES])
{
	bool has_times = true;
	int r = intern_init(&names->texts);

	if (r == 0)
		r = intern_init(&names->changed);
	if (r == 0)
		r = changed_find(sides, names);
	/* All names first, for the arrays are as long as the numbering. */
	for (size_t i = 0; r == 0 && i < sides[0].n + sides[1].n; i++) {
		const struct profile *profile = i < sides[0].n ? sides[0].profiles[i]
							       : sides[1].profiles[i - sides[0].n];
		CLEANUP(view_done) struct view view = {0};

		has_times &= times_of(profile) >= 0;
		r = view_init(&view, profile, is_total, names);
	}
	for (int i = 0; r == 0 && i < COMPARE_SIDES; i++) {
		series[i] = (struct series){.side = &sides[i], .has_times = has_times};
		r = series_sum(&series[i], names, is_total);
	}
	return r;
}

/* Whole slices that were recorded, and all with samples. */
static size_t n_slices_of(const struct profile *profile)
{
	size_t n = (size_t)((double)profile->conditions.duration_ns / 1e9 / SLICE_SECONDS);

	if (profile->n_runs)
		n = 0;

	for (size_t i = 0; i < profile->n_samples; i++)
		if (profile->samples[i].slice >= n)
			n = (size_t)profile->samples[i].slice + 1;
	return n;
}

int series_cells_make(struct series *series, const struct series_names *names, bool is_total,
	const int32_t *row_of, size_t n_rows)
{
	size_t n_slices = 0, per_cell, first = 0;

	for (size_t i = 0; i < series->side->n; i++)
		n_slices += n_slices_of(series->side->profiles[i]);
	per_cell = n_slices / SERIES_CELLS_MAX + 1;
	series->n_cells = n_slices ? (n_slices + per_cell - 1) / per_cell : 1;
	series->cell_seconds = (double)per_cell * SLICE_SECONDS;
	series->cells = calloc(n_rows * series->n_cells + 1, sizeof(double));
	series->cell_wholes = calloc(series->n_cells, sizeof(double));
	if (!series->cells || !series->cell_wholes)
		return -ENOMEM;
	for (size_t i = 0; i < series->side->n; i++) {
		const struct profile *profile = series->side->profiles[i];
		CLEANUP(view_done) struct view view = {0};
		/* The numbering is complete: nothing is added to it. */
		int r = view_init(&view, profile, is_total, (struct series_names *)names);

		if (r < 0)
			return r;
		for (size_t j = 0; j < profile->n_samples; j++) {
			size_t cell = (first + profile->samples[j].slice) / per_cell;
			double value = value_of(series, &view, j);
			size_t n = value > 0 ? view_find(&view, profile->samples[j].stack) : 0;

			series->cell_wholes[cell] += value;
			for (size_t k = 0; k < n; k++) {
				int32_t row = row_of[view.found[k]];

				if (row >= 0)
					series->cells[(size_t)row * series->n_cells + cell] +=
						value;
			}
		}
		first += n_slices_of(profile);
	}
	return 0;
}

int series_caller(const struct series *series, struct series_names *names, uint32_t function,
	uint32_t *ret_caller)
{
	CLEANUP(freep) double *weights = calloc(names->texts.n, sizeof(*weights));
	uint32_t best = 0;

	if (!weights)
		return -ENOMEM;
	for (size_t i = 0; i < series->side->n; i++) {
		const struct profile *profile = series->side->profiles[i];
		CLEANUP(view_done) struct view view = {0};
		int r = view_init(&view, profile, false, names);

		if (r < 0)
			return r;
		for (size_t j = 0; j < profile->n_samples; j++) {
			uint32_t stack = profile->samples[j].stack;
			const struct profile_frame *frame;

			if (!view_find(&view, stack) || view.found[0] != function)
				continue;
			frame = &profile->frames[profile->stacks[stack].frame];
			if (frame->n_lines > 1) {
				weights[view.line_functions[frame->first_line + 1]] += value_of(
					series, &view, j);
			} else if (view_find(&view, profile->stacks[stack].parent)) {
				weights[view.found[0]] += value_of(series, &view, j);
			}
		}
	}
	for (uint32_t i = 1; i < names->texts.n; i++)
		if (weights[i] > weights[best])
			best = i;
	*ret_caller = best;
	return 0;
}

void series_done(struct series *series)
{
	free(series->values);
	free(series->counts);
	free(series->wholes);
	free(series->seconds);
	free(series->work);
	free(series->cells);
	free(series->cell_wholes);
}

void series_names_done(struct series_names *names)
{
	intern_done(&names->texts);
	intern_done(&names->changed);
	free(names->modules);
	free(names->files);
	free(names->lines);
}
