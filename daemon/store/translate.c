/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The way back out of dictionary.c. Threads that are not asked for are remembered as such. */

#include "daemon/store/translate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/rows.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define LEFT_OUT UINT32_MAX
#define LINES_MAX 1024
#define FRAMES_MAX 16384

void translation_done(struct translation *translation)
{
	free(translation->strings.ids);
	free(translation->frames.ids);
	free(translation->stacks.ids);
	free(translation->threads.ids);
}

/* Where the id's translation is kept, or NULL without memory. */
static uint32_t *slot(struct translation_map *map, uint32_t id)
{
	if (id >= map->n) {
		size_t n = map->n ? map->n : 1024;
		uint32_t *grown;

		while (n <= id)
			n *= 2;
		grown = reallocarray(map->ids, n, sizeof(*grown));
		if (!grown)
			return NULL;
		memset(grown + map->n, 0, (n - map->n) * sizeof(*grown));
		map->ids = grown;
		map->n = n;
	}
	return &map->ids[id];
}

/* The row with that id, to be reset by the caller. */
static int row_get(struct translation *translation, enum statement statement, uint32_t id,
	sqlite3_stmt **ret_row)
{
	sqlite3_stmt *row = database_statement(translation->database, statement);
	int step;

	if (!row)
		return database_error(translation->database);
	sqlite3_bind_int64(row, 1, id);
	step = sqlite3_step(row);
	if (step != SQLITE_ROW) {
		sqlite3_reset(row);
		return step == SQLITE_DONE ? -EUCLEAN : database_error(translation->database);
	}
	*ret_row = row;
	return 0;
}

int translate_string(struct translation *translation, uint32_t id, uint32_t *ret_id)
{
	uint32_t *known = slot(&translation->strings, id);
	sqlite3_stmt *row;
	int r = 0;

	if (!known)
		return -ENOMEM;
	if (id && !*known) {
		r = row_get(translation, STATEMENT_str_get, id, &row);
		if (r)
			return r;
		r = profile_add_string(
			translation->profile, (const char *)sqlite3_column_text(row, 0), known);
		sqlite3_reset(row);
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
	uint64_t number = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts) && !r; i++) {
		r = varint_get(at, end, &number);
		if (!r)
			r = translate_string(translation, (uint32_t)number, texts[i]);
	}
	if (!r)
		r = varint_get(at, end, &number);
	function.start_line = (uint32_t)number;
	if (!r)
		r = varint_get(at, end, &number);
	ret_line->line = (uint32_t)number;
	if (!r)
		r = profile_add_function(translation->profile, &function, &ret_line->function);
	return r;
}

struct frame_row {
	uint32_t path, build_id, unnamed;
	struct profile_frame frame;
	struct buffer chain;
};

static void frame_row_done(struct frame_row *row)
{
	buffer_done(&row->chain);
}

static int frame_row_read(struct translation *translation, uint32_t id, struct frame_row *out)
{
	sqlite3_stmt *row;
	int r = row_get(translation, STATEMENT_frame_get, id, &row);

	if (r)
		return r;
	out->path = (uint32_t)sqlite3_column_int64(row, 0);
	out->build_id = (uint32_t)sqlite3_column_int64(row, 1);
	out->frame.address = (uint64_t)sqlite3_column_int64(row, 2);
	out->frame.kind = (uint8_t)sqlite3_column_int64(row, 3);
	out->unnamed = (uint32_t)sqlite3_column_int64(row, 4);
	buffer_append(
		&out->chain, sqlite3_column_blob(row, 5), (size_t)sqlite3_column_bytes(row, 5));
	sqlite3_reset(row);
	return buffer_error(&out->chain);
}

static int frame_make(struct translation *translation, struct frame_row *row, uint32_t *ret_id)
{
	struct profile_line lines[LINES_MAX];
	struct profile_mapping mapping = {0};
	const uint8_t *at = (const uint8_t *)row->chain.data, *end = at + row->chain.size;
	size_t n = 0;
	int r = translate_string(translation, row->path, &mapping.path);

	if (!r)
		r = translate_string(translation, row->build_id, &mapping.build_id);
	if (!r)
		r = translate_string(translation, row->unnamed, &row->frame.unnamed);
	if (!r && (mapping.path || mapping.build_id))
		r = profile_add_mapping(translation->profile, &mapping, &row->frame.mapping);
	for (; !r && at < end && n < LINES_MAX; n++)
		r = line_read(translation, &at, end, &lines[n]);
	return r ? r : profile_add_frame(translation->profile, &row->frame, lines, n, ret_id);
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
	CLEANUP(frame_row_done) struct frame_row row = {0};
	uint32_t *known = slot(&translation->frames, id);
	int r = 0;

	if (!known)
		return -ENOMEM;
	if (!*known) {
		r = frame_row_read(translation, id, &row);
		if (!r && row.frame.kind == PROFILE_FRAME_KERNEL &&
			!translation->query->sees_kernel)
			r = kernel_frame(translation, known);
		else if (!r)
			r = frame_make(translation, &row, known);
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
	sqlite3_stmt *row;
	const uint8_t *at, *end;
	int r = row_get(translation, STATEMENT_stack_get, id, &row);

	if (r)
		return r;
	at = sqlite3_column_blob(row, 0);
	end = at + sqlite3_column_bytes(row, 0);
	while (!r && at < end && list->n < FRAMES_MAX) {
		uint64_t frame;

		r = varint_get(&at, end, &frame);
		if (!r)
			r = array_reserve(
				&list->ids, &list->n_allocated, list->n + 1, sizeof(*list->ids));
		if (!r)
			list->ids[list->n++] = (uint32_t)frame;
	}
	sqlite3_reset(row);
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
	uint32_t *const texts[] = {&out->thread.name, &out->process.comm, &out->process.exe,
		&out->process.unit, &out->process.container, &out->process.cgroup};
	uint32_t ids[ARRAY_SIZE(texts)];
	sqlite3_stmt *row;
	int r = row_get(translation, STATEMENT_thread_get, id, &row);

	if (r)
		return r;
	out->process.pid = (uint32_t)sqlite3_column_int64(row, 0);
	out->process.uid = (uint32_t)sqlite3_column_int64(row, 1);
	out->process.start_ns = (uint64_t)sqlite3_column_int64(row, 2);
	out->thread.tid = (uint32_t)sqlite3_column_int64(row, 3);
	for (int i = 0; i < (int)ARRAY_SIZE(ids); i++)
		ids[i] = (uint32_t)sqlite3_column_int64(row, 4 + i);
	sqlite3_reset(row);
	for (size_t i = 0; i < ARRAY_SIZE(texts) && !r; i++)
		r = translate_string(translation, ids[i], texts[i]);
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
	for (size_t i = 0; i < threads->n; i++)
		if (threads->ids[i] != LEFT_OUT)
			threads->ids[i] = 0;
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
