/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Merging and narrowing are both copying samples; each record that is met is translated once, and the
 * arrays here remember into what (0: not yet, which is no id of a record). */

#include "proto/profile/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"

static bool type_is_equal(const struct profile *a, const struct profile_value_type *type_a,
	const struct profile *b, const struct profile_value_type *type_b)
{
	return !strcmp(profile_string(a, type_a->type), profile_string(b, type_b->type)) &&
		!strcmp(profile_string(a, type_a->unit), profile_string(b, type_b->unit));
}

static int types_match(struct copy *copy)
{
	const struct profile *into = copy->into, *from = copy->from;

	if (into->n_value_types != from->n_value_types)
		return COPY_TYPES_DIFFER;
	for (size_t i = 0; i < into->n_value_types; i++) {
		size_t j = 0;

		while (j < from->n_value_types &&
			!type_is_equal(into, &into->value_types[i], from, &from->value_types[j]))
			j++;
		if (j == from->n_value_types)
			return COPY_TYPES_DIFFER;
		copy->types[i] = j;
	}
	return 0;
}

static int types_take_over(struct copy *copy)
{
	const struct profile *from = copy->from;

	for (size_t i = 0; i < from->n_value_types; i++) {
		const struct profile_value_type *type = &from->value_types[i];
		int r = profile_add_value_type(copy->into, profile_string(from, type->type),
			profile_string(from, type->unit));

		if (r < 0)
			return r;
		copy->types[i] = i;
	}
	return 0;
}

int copy_init_untyped(struct copy *copy, struct profile *into, const struct profile *from)
{
	struct {
		uint32_t **ids;
		size_t n;
	} arrays[] = {
		{&copy->strings, from->strings.n},
		{&copy->mappings, from->n_mappings},
		{&copy->functions, from->n_functions},
		{&copy->frames, from->n_frames},
		{&copy->stacks, from->n_stacks},
		{&copy->processes, from->n_processes},
		{&copy->threads, from->n_threads},
	};

	*copy = (struct copy){.into = into, .from = from};
	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		*arrays[i].ids = calloc(arrays[i].n, sizeof(uint32_t));
		if (!*arrays[i].ids)
			return -ENOMEM;
	}
	return 0;
}

int copy_init(struct copy *copy, struct profile *into, const struct profile *from)
{
	int r = copy_init_untyped(copy, into, from);

	if (r < 0)
		return r;
	return into->n_value_types ? types_match(copy) : types_take_over(copy);
}

void copy_done(struct copy *copy)
{
	free(copy->strings);
	free(copy->mappings);
	free(copy->functions);
	free(copy->frames);
	free(copy->stacks);
	free(copy->processes);
	free(copy->threads);
}

int copy_string(struct copy *copy, uint32_t id, uint32_t *ret_id)
{
	uint32_t *known = &copy->strings[id];
	int r = 0;

	if (id && !*known)
		r = profile_add_string(copy->into, profile_string(copy->from, id), known);
	if (r < 0)
		return r;
	*ret_id = *known;
	return 0;
}

/* Translates strings in place. */
static int strings_copy(struct copy *copy, uint32_t *const *strings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = copy_string(copy, *strings[i], strings[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int mapping_copy(struct copy *copy, uint32_t id, uint32_t *ret_id)
{
	struct profile_mapping mapping = copy->from->mappings[id];
	uint32_t *known = &copy->mappings[id];

	if (id && !*known) {
		uint32_t *const strings[] = {&mapping.path, &mapping.build_id};
		int r = strings_copy(copy, strings, ARRAY_SIZE(strings));

		if (r < 0)
			return r;
		r = profile_add_mapping(copy->into, &mapping, known);
		if (r < 0)
			return r;
	}
	*ret_id = *known;
	return 0;
}

static size_t size_without_slashes(const char *directory, size_t n)
{
	while (n && directory[n - 1] == '/')
		n--;
	return n;
}

/* What follows the directory in the path, from its slash on; NULL: the path is not in it. */
static const char *path_below(const char *path, const struct path_substitution *substitution)
{
	size_t n = size_without_slashes(substitution->from, substitution->from_size);

	return !strncmp(path, substitution->from, n) && (path[n] == '/' || !path[n]) ? path + n
										     : NULL;
}

static int file_copy(struct copy *copy, uint32_t id, uint32_t *ret_id)
{
	const char *path = profile_string(copy->from, id);

	for (size_t i = 0; id && i < copy->n_substitutions; i++) {
		const struct path_substitution *substitution = &copy->substitutions[i];
		const char *rest = path_below(path, substitution);
		CLEANUP(buffer_done) struct buffer text = {};

		if (!rest)
			continue;
		buffer_append(&text, substitution->to,
			size_without_slashes(substitution->to, strlen(substitution->to)));
		buffer_append(&text, rest, strlen(rest));
		if (buffer_error(&text))
			return -ENOMEM;
		return profile_add_string_n(copy->into, text.data, text.size, ret_id);
	}
	return copy_string(copy, id, ret_id);
}

static int function_copy(struct copy *copy, uint32_t id, uint32_t *ret_id)
{
	struct profile_function function = copy->from->functions[id];
	uint32_t *known = &copy->functions[id];

	if (id && !*known) {
		uint32_t *const strings[] = {&function.name, &function.system_name};
		int r = strings_copy(copy, strings, ARRAY_SIZE(strings));

		if (!r)
			r = file_copy(copy, function.file, &function.file);
		if (r < 0)
			return r;
		r = profile_add_function(copy->into, &function, known);
		if (r < 0)
			return r;
	}
	*ret_id = *known;
	return 0;
}

static int lines_copy(
	struct copy *copy, const struct profile_frame *frame, struct profile_line **ret_lines)
{
	CLEANUP(freep)
	struct profile_line *lines = calloc(frame->n_lines + 1u, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	for (size_t i = 0; i < frame->n_lines; i++) {
		int r;

		lines[i] = copy->from->lines[frame->first_line + i];
		r = function_copy(copy, lines[i].function, &lines[i].function);
		if (r < 0)
			return r;
	}
	*ret_lines = TAKE(lines);
	return 0;
}

static int frame_copy(struct copy *copy, uint32_t id, uint32_t *ret_id)
{
	struct profile_frame frame = copy->from->frames[id];
	uint32_t *known = &copy->frames[id];

	if (id && !*known) {
		CLEANUP(freep) struct profile_line *lines = NULL;
		int r = lines_copy(copy, &frame, &lines);

		if (r < 0)
			return r;
		r = mapping_copy(copy, frame.mapping, &frame.mapping);
		if (r < 0)
			return r;
		r = copy_string(copy, frame.unnamed, &frame.unnamed);
		if (r < 0)
			return r;
		r = profile_add_frame(copy->into, &frame, lines, frame.n_lines, known);
		if (r < 0)
			return r;
	}
	*ret_id = *known;
	return 0;
}

/* From the outermost caller that is not yet translated to the leaf; a loop, since stacks are deep. */
static int stack_copy(struct copy *copy, uint32_t id, uint32_t *ret_id)
{
	const struct profile_stack *stacks = copy->from->stacks;
	CLEANUP(freep) uint32_t *pending = NULL;
	size_t n_pending = 0;

	if (id && !copy->stacks[id]) {
		pending = malloc(stacks[id].depth * sizeof(*pending));
		if (!pending)
			return -ENOMEM;
	}
	for (uint32_t at = id; at && !copy->stacks[at]; at = stacks[at].parent)
		pending[n_pending++] = at;
	while (n_pending) {
		uint32_t at = pending[--n_pending], frame;
		int r = frame_copy(copy, stacks[at].frame, &frame);

		if (r < 0)
			return r;
		r = profile_add_stack(
			copy->into, copy->stacks[stacks[at].parent], frame, &copy->stacks[at]);
		if (r < 0)
			return r;
	}
	*ret_id = copy->stacks[id];
	return 0;
}

static int process_copy(struct copy *copy, uint32_t id, uint32_t *ret_id)
{
	struct profile_process process = copy->from->processes[id];
	uint32_t *known = &copy->processes[id];

	if (id && !*known) {
		uint32_t *const strings[] = {&process.comm, &process.exe, &process.unit,
			&process.container, &process.cgroup};
		int r = strings_copy(copy, strings, ARRAY_SIZE(strings));

		if (r < 0)
			return r;
		r = profile_add_process(copy->into, &process, known);
		if (r < 0)
			return r;
	}
	*ret_id = *known;
	return 0;
}

static int thread_copy(struct copy *copy, uint32_t id, uint32_t *ret_id)
{
	struct profile_thread thread = copy->from->threads[id];
	uint32_t *known = &copy->threads[id];

	if (id && !*known) {
		int r = process_copy(copy, thread.process, &thread.process);

		if (r < 0)
			return r;
		r = copy_string(copy, thread.name, &thread.name);
		if (r < 0)
			return r;
		r = profile_add_thread(copy->into, &thread, known);
		if (r < 0)
			return r;
	}
	*ret_id = *known;
	return 0;
}

int copy_sample_as(struct copy *copy, size_t i, int64_t n_slices, const int64_t *values)
{
	struct profile_sample sample = copy->from->samples[i];
	int r = stack_copy(copy, sample.stack, &sample.stack);

	if (r < 0)
		return r;
	r = thread_copy(copy, sample.thread, &sample.thread);
	if (r < 0)
		return r;
	r = copy_string(copy, sample.stop, &sample.stop);
	if (r < 0)
		return r;
	if (__builtin_add_overflow(sample.slice, n_slices, &sample.slice))
		sample.slice = n_slices > 0 ? UINT32_MAX : 0;
	return profile_add_sample(copy->into, &sample, values);
}

int copy_sample(struct copy *copy, size_t i, int64_t n_slices)
{
	int64_t values[PROFILE_VALUES_MAX];

	for (size_t type = 0; type < copy->into->n_value_types; type++)
		values[type] = profile_value(copy->from, i, copy->types[type]);
	return copy_sample_as(copy, i, n_slices, values);
}
