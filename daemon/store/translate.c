/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The way back out of dictionary.c. Threads that are not asked for are remembered as such. */

#include "daemon/store/translate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/packing.h"
#include "daemon/store/record.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define LEFT_OUT UINT32_MAX
#define LINES_MAX 1024
#define FRAMES_MAX 16384

static void map_done(struct translation_map *map)
{
	for (size_t i = 0; i < map->n_pages; i++)
		free(map->pages[i]);
	free(map->pages);
}

void translation_done(struct translation *translation)
{
	map_done(&translation->strings);
	map_done(&translation->frames);
	map_done(&translation->stacks);
	map_done(&translation->threads);
	for (size_t i = 0; i < N_RECORD_KINDS; i++)
		chunks_done(&translation->chunks[i]);
}

/* Where the id's translation is kept, or NULL without memory. */
static uint32_t *slot(struct translation_map *map, uint32_t id)
{
	uint32_t page = id / TRANSLATION_PAGE;

	if (array_reserve(&map->pages, &map->n_pages, page + 1, sizeof(*map->pages)))
		return NULL;
	if (!map->pages[page])
		map->pages[page] = calloc(TRANSLATION_PAGE, sizeof(**map->pages));
	return map->pages[page] ? &map->pages[page][id % TRANSLATION_PAGE] : NULL;
}

static int record_get(struct translation *translation, enum record_kind kind, uint32_t id,
	const uint8_t **ret_at, const uint8_t **ret_end)
{
	size_t size;
	int r = chunks_find(
		&translation->chunks[kind], translation->database, kind, id, ret_at, &size);

	if (!r)
		*ret_end = *ret_at + size;
	return r;
}

int translate_string(struct translation *translation, uint32_t id, uint32_t *ret_id)
{
	uint32_t *known = slot(&translation->strings, id);
	const uint8_t *at, *end;
	int r = 0;

	if (!known)
		return -ENOMEM;
	if (id && !*known) {
		CLEANUP(freep) char *text = NULL;

		r = record_get(translation, RECORD_STR, id, &at, &end);
		if (!r)
			text = strndup((const char *)at, (size_t)(end - at));
		if (!r)
			r = text ? profile_add_string(translation->profile, text, known) : -ENOMEM;
	}
	if (!r)
		*ret_id = *known;
	return r;
}

static int line_read(struct translation *translation, const uint8_t **at, const uint8_t *end,
	struct profile_line *ret_line)
{
	struct profile_function function = {0};
	uint32_t *const texts[] = {&function.name, &function.system_name, &function.file};
	struct line_record line;
	int r = line_record_parse(&line, at, end);

	for (size_t i = 0; i < ARRAY_SIZE(texts) && !r; i++)
		r = translate_string(translation, (uint32_t)line.texts[i], texts[i]);
	if (r)
		return r;
	function.start_line = (uint32_t)line.start_line;
	ret_line->line = (uint32_t)line.line;
	return profile_add_function(translation->profile, &function, &ret_line->function);
}

static int frame_make(
	struct translation *translation, const struct frame_record *record, uint32_t *ret_id)
{
	struct profile_line lines[LINES_MAX];
	struct profile_mapping mapping = {0};
	struct profile_frame frame = {.kind = (uint8_t)record->kind, .address = record->address};
	const uint8_t *at = record->lines;
	size_t n = 0;
	int r = translate_string(translation, (uint32_t)record->path, &mapping.path);

	if (!r)
		r = translate_string(translation, (uint32_t)record->build_id, &mapping.build_id);
	if (!r)
		r = translate_string(translation, (uint32_t)record->unnamed, &frame.unnamed);
	if (!r && (mapping.path || mapping.build_id))
		r = profile_add_mapping(translation->profile, &mapping, &frame.mapping);
	for (; !r && at < record->end && n < LINES_MAX; n++)
		r = line_read(translation, &at, record->end, &lines[n]);
	return r ? r : profile_add_frame(translation->profile, &frame, lines, n, ret_id);
}

/* A frame that stands for others, called `name`. */
static int marker_make(struct profile *profile, const char *name, uint8_t kind, uint32_t *ret_id)
{
	struct profile_frame frame = {.kind = kind};
	struct profile_mapping mapping = {0};
	struct profile_function function = {0};
	struct profile_line line = {0};
	int r = profile_add_string(profile, name, &function.name);

	mapping.path = function.name;
	if (!r && kind == PROFILE_FRAME_KERNEL)
		r = profile_add_mapping(profile, &mapping, &frame.mapping);
	if (!r)
		r = profile_add_function(profile, &function, &line.function);
	return r ? r : profile_add_frame(profile, &frame, &line, 1, ret_id);
}

int translation_pruned(struct translation *translation, uint32_t *ret_stack)
{
	uint32_t frame;
	int r = marker_make(translation->profile, "[pruned]", PROFILE_FRAME_MARKER, &frame);

	return r ? r : profile_add_stack(translation->profile, 0, frame, ret_stack);
}

static int kernel_frame(struct translation *translation, uint32_t *ret_id)
{
	int r = 0;

	if (!translation->kernel_frame)
		r = marker_make(translation->profile, "[kernel]", PROFILE_FRAME_KERNEL,
			&translation->kernel_frame);
	if (!r)
		*ret_id = translation->kernel_frame;
	return r;
}

static int translate_frame(struct translation *translation, uint32_t id, uint32_t *ret_id)
{
	uint32_t *known = slot(&translation->frames, id);
	const uint8_t *at, *end;
	struct frame_record record;
	int r = 0;

	if (!known)
		return -ENOMEM;
	if (!*known) {
		r = record_get(translation, RECORD_FRAME, id, &at, &end);
		if (!r)
			r = frame_record_parse(&record, at, (size_t)(end - at));
		if (!r && record.kind == PROFILE_FRAME_KERNEL && !translation->query->sees_kernel)
			r = kernel_frame(translation, known);
		else if (!r)
			r = frame_make(translation, &record, known);
	}
	if (!r)
		*ret_id = *known;
	return r;
}

struct frame_list {
	uint32_t *ids; /* of the database, leaf first */
	size_t n, n_allocated;
};

static void frame_list_done(struct frame_list *list)
{
	free(list->ids);
}

static int frame_list_read(struct translation *translation, uint32_t id, struct frame_list *list)
{
	const uint8_t *at, *end;
	int r = record_get(translation, RECORD_STACK, id, &at, &end);

	while (!r && at < end && list->n < FRAMES_MAX) {
		uint64_t frame;

		r = varint_get(&at, end, &frame);
		if (!r)
			r = array_reserve(
				&list->ids, &list->n_allocated, list->n + 1, sizeof(*list->ids));
		if (!r)
			list->ids[list->n++] = (uint32_t)frame;
	}
	return r;
}

static int stack_make(struct translation *translation, uint32_t id, uint32_t *ret_id)
{
	CLEANUP(frame_list_done) struct frame_list list = {0};
	uint32_t stack = 0, last = 0;
	int r = frame_list_read(translation, id, &list);

	for (size_t i = list.n; i-- && !r;) {
		uint32_t frame;

		r = translate_frame(translation, list.ids[i], &frame);
		if (r || (frame == last && frame == translation->kernel_frame))
			continue;
		last = frame;
		r = profile_add_stack(translation->profile, stack, frame, &stack);
	}
	if (!r)
		*ret_id = stack;
	return r;
}

int translate_stack(struct translation *translation, uint32_t id, uint32_t *ret_id)
{
	uint32_t *known = slot(&translation->stacks, id);
	int r = 0;

	if (!known)
		return -ENOMEM;
	if (id && !*known)
		r = stack_make(translation, id, known);
	if (!r)
		*ret_id = *known;
	return r;
}

struct thread_row {
	struct profile_process process;
	struct profile_thread thread;
};

static int thread_row_read(struct translation *translation, uint32_t id, struct thread_row *out)
{
	uint32_t *const texts[RECORD_THREAD_TEXTS] = {&out->thread.name, &out->process.comm,
		&out->process.exe, &out->process.unit, &out->process.container,
		&out->process.cgroup};
	uint64_t numbers[RECORD_THREAD_NUMBERS + RECORD_THREAD_TEXTS];
	const uint8_t *at, *end;
	int r = record_get(translation, RECORD_THREAD, id, &at, &end);

	for (size_t i = 0; i < ARRAY_SIZE(numbers) && !r; i++)
		r = varint_get(&at, end, &numbers[i]);
	if (r)
		return r;
	out->process.pid = (uint32_t)numbers[0];
	out->process.uid = (uint32_t)numbers[1];
	out->process.start_ns = numbers[2];
	out->thread.tid = (uint32_t)numbers[3];
	for (size_t i = 0; i < ARRAY_SIZE(texts) && !r; i++)
		r = translate_string(
			translation, (uint32_t)numbers[RECORD_THREAD_NUMBERS + i], texts[i]);
	return r;
}

/* "nginx" is "nginx.service"; containers are told by the beginning of their id. */
static bool is_asked(const struct translation *translation, const struct profile_process *process)
{
	const struct store_query *query = translation->query;
	const char *comm = profile_string(translation->profile, process->comm);
	const char *unit = profile_string(translation->profile, process->unit);
	const char *container = profile_string(translation->profile, process->container);
	size_t n = strlen(query->unit);

	if (query->pid && query->pid != process->pid)
		return false;
	if (*query->comm && strcmp(query->comm, comm) != 0)
		return false;
	if (*query->container && !text_starts_with(container, query->container))
		return false;
	return !n || !strcmp(unit, query->unit) ||
		(!strchr(query->unit, '.') && !strncmp(unit, query->unit, n) &&
			!strcmp(unit + n, ".service"));
}

static int thread_make(struct translation *translation, struct thread_row *row, uint32_t *ret_id)
{
	int r;

	if (translation->is_folded) {
		row->process.pid = 0;
		row->process.start_ns = 0;
		row->thread.tid = 0;
		row->thread.name = row->process.comm;
	}
	r = profile_add_process(translation->profile, &row->process, &row->thread.process);
	return r ? r : profile_add_thread(translation->profile, &row->thread, ret_id);
}

void translation_fold(struct translation *translation)
{
	struct translation_map *threads = &translation->threads;

	translation->is_folded = true;
	for (size_t i = 0; i < threads->n_pages; i++)
		for (size_t k = 0; threads->pages[i] && k < TRANSLATION_PAGE; k++)
			if (threads->pages[i][k] != LEFT_OUT)
				threads->pages[i][k] = 0;
}

int translation_folded(struct translation *translation, uint32_t thread, uint32_t *ret_thread)
{
	struct thread_row row = {.thread = translation->profile->threads[thread]};

	row.process = translation->profile->processes[row.thread.process];
	return thread_make(translation, &row, ret_thread);
}

int translate_thread(struct translation *translation, uint32_t id, uint32_t *ret_id)
{
	uint32_t *known = slot(&translation->threads, id);
	struct thread_row row = {0};
	int r;

	if (!known)
		return -ENOMEM;
	if (*known == LEFT_OUT)
		return TRANSLATE_LEFT_OUT;
	if (*known) {
		*ret_id = *known;
		return 0;
	}
	r = thread_row_read(translation, id, &row);
	if (r)
		return r;
	if (!is_asked(translation, &row.process)) {
		*known = LEFT_OUT;
		return TRANSLATE_LEFT_OUT;
	}
	r = thread_make(translation, &row, known);
	if (!r)
		*ret_id = *known;
	return r;
}
