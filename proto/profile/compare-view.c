/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The functions of both sides get one numbering, by name. Texts are looked at once for each function of
 * a profile, and stacks once for each sample; all that comes later works on numbers.
 */

#include "proto/profile/compare-view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

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

int series_names_init(struct series_names *names, const struct compare_side sides[COMPARE_SIDES])
{
	int r = intern_init(&names->texts);

	if (r == 0)
		r = intern_init(&names->changed);
	return r == 0 ? changed_find(sides, names) : r;
}

void series_names_done(struct series_names *names)
{
	intern_done(&names->texts);
	intern_done(&names->changed);
	free(names->modules);
	free(names->files);
	free(names->lines);
}

/* The function of the line of a frame. */
static int function_name(struct series_names *names, const struct profile *profile,
	uint32_t frame_id, uint32_t line, uint32_t *ret_function)
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
			r = function_name(names, profile, i, 0, &view->frame_functions[i]);
		for (uint32_t line = 0; r == 0 && line < frame->n_lines; line++) {
			uint32_t at = frame->first_line + line;
			uint32_t *id = frame->unnamed ? &unused
						      : &known[profile->lines[at].function];

			if (frame->unnamed || !*id)
				r = function_name(names, profile, i, line, id);
			view->line_functions[at] = *id;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* Of a frame, its innermost line; of a stack, its leaf. */
static uint32_t function_of(const struct view *view, uint32_t frame_id, uint32_t line)
{
	const struct profile_frame *frame = &view->profile->frames[frame_id];

	return frame->n_lines ? view->line_functions[frame->first_line + line]
			      : view->frame_functions[frame_id];
}

int view_init(struct view *view, const struct profile *profile, struct series_names *names)
{
	int r;

	*view = (struct view){.profile = profile, .times = times_of(profile)};
	view->leaves = calloc(profile->n_samples + 1, sizeof(*view->leaves));
	r = view->leaves ? view_name(view, names) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < profile->n_samples; i++) {
		uint32_t stack = profile->samples[i].stack;

		if (stack)
			view->leaves[i] = function_of(view, profile->stacks[stack].frame, 0);
	}
	return r;
}

void view_done(struct view *view)
{
	free(view->line_functions);
	free(view->frame_functions);
	free(view->leaves);
}

uint32_t view_caller(const struct view *view, size_t sample)
{
	const struct profile *profile = view->profile;
	uint32_t stack = profile->samples[sample].stack, parent;

	if (!stack)
		return 0;
	if (profile->frames[profile->stacks[stack].frame].n_lines > 1)
		return function_of(view, profile->stacks[stack].frame, 1);
	parent = profile->stacks[stack].parent;
	return parent ? function_of(view, profile->stacks[parent].frame, 0) : 0;
}

int view_walk_init(struct view_walk *walk, const struct series_names *names)
{
	*walk = (struct view_walk){.stamps = calloc(names->texts.n, sizeof(*walk->stamps)),
		.found = calloc(names->texts.n, sizeof(*walk->found))};
	return walk->stamps && walk->found ? 0 : -ENOMEM;
}

void view_walk_done(struct view_walk *walk)
{
	free(walk->stamps);
	free(walk->found);
}

size_t view_find(const struct view *view, struct view_walk *walk, size_t sample)
{
	const struct profile *profile = view->profile;
	size_t n_found = 0;

	walk->stamp++;
	for (uint32_t at = profile->samples[sample].stack; at; at = profile->stacks[at].parent) {
		uint32_t frame = profile->stacks[at].frame, n = profile->frames[frame].n_lines;

		for (uint32_t line = 0; line < (n ? n : 1); line++) {
			uint32_t function = function_of(view, frame, line);

			if (walk->stamps[function] != walk->stamp)
				walk->found[n_found++] = function;
			walk->stamps[function] = walk->stamp;
		}
	}
	return n_found;
}
