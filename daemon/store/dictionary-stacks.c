/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A frame of a file is where it is, not what it is called: when it comes again with a better name than
 * it had, one at all, or one with lines, it has that name in all windows before. Its record is replaced
 * in the chunk that it is in.
 */

#include "daemon/store/dictionary.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/store/packing.h"
#include "daemon/store/record.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

static uint8_t detail_of(const struct profile *profile, const struct profile_frame *frame)
{
	if (frame->unnamed)
		return RECORD_DETAIL_NONE;
	for (size_t i = 0; i < frame->n_lines; i++)
		if (profile->lines[frame->first_line + i].line)
			return RECORD_DETAIL_LINES;
	return RECORD_DETAIL_NAME;
}

static int text_put(struct dictionary *dictionary, uint32_t text, struct buffer *out)
{
	uint32_t id;
	int r = dictionary_string(dictionary, text, &id);

	if (!r)
		varint_put(out, id);
	return r;
}

static int lines_put(
	struct dictionary *dictionary, const struct profile_frame *frame, struct buffer *out)
{
	const struct profile *profile = dictionary->profile;
	int r = 0;

	for (size_t i = 0; i < frame->n_lines && !r; i++) {
		const struct profile_line *line = &profile->lines[frame->first_line + i];
		const struct profile_function *function = &profile->functions[line->function];

		r = text_put(dictionary, function->name, out);
		if (!r)
			r = text_put(dictionary, function->system_name, out);
		if (!r)
			r = text_put(dictionary, function->file, out);
		varint_put(out, function->start_line);
		varint_put(out, line->line);
	}
	return r;
}

static int frame_make(
	struct dictionary *dictionary, const struct profile_frame *frame, struct buffer *out)
{
	const struct profile_mapping *mapping = &dictionary->profile->mappings[frame->mapping];
	int r;

	varint_put(out, frame->kind);
	r = text_put(dictionary, mapping->path, out);
	if (!r)
		r = text_put(dictionary, mapping->build_id, out);
	varint_put(out, frame->address);
	if (!r)
		r = text_put(dictionary, frame->unnamed, out);
	varint_put(out, detail_of(dictionary->profile, frame));
	if (!r)
		r = lines_put(dictionary, frame, out);
	return r ? r : buffer_error(out);
}

/* Takes the record. */
static int rename_later(struct dictionary *dictionary, uint32_t id, struct buffer *record)
{
	int r = array_reserve(&dictionary->renamed, &dictionary->n_renamed_allocated,
		dictionary->n_renamed + 1, sizeof(*dictionary->renamed));

	if (r)
		return r;
	dictionary->renamed[dictionary->n_renamed++] = (struct renamed){id, *record};
	*record = (struct buffer){0};
	return 0;
}

static int frame_know(struct dictionary *dictionary, struct buffer *record, uint32_t *ret_id)
{
	struct recent *recent = &dictionary->database->recent;
	struct frame_record frame;
	struct recent_record *known;
	struct digest digest;
	uint32_t id;
	int r = frame_record_parse(&frame, (const uint8_t *)record->data, record->size);

	if (!r)
		r = frame_record_digest(&frame, &dictionary->database->key, &digest);
	if (r)
		return r;
	known = recent_find(recent, RECORD_FRAME, &digest);
	if (known && known->detail < frame.detail)
		r = rename_later(dictionary, known->id, record);
	if (!r)
		r = dictionary_record(dictionary, RECORD_FRAME, &digest, record, &id);
	if (r)
		return r;
	known = recent_find(recent, RECORD_FRAME, &digest);
	if (known->detail < frame.detail)
		known->detail = (uint8_t)frame.detail;
	*ret_id = id;
	return 0;
}

static int dictionary_frame(struct dictionary *dictionary, uint32_t id, uint32_t *ret_id)
{
	CLEANUP(buffer_done) struct buffer record = {0};
	uint32_t *known = &dictionary->frames[id];
	int r = 0;

	if (!*known) {
		r = frame_make(dictionary, &dictionary->profile->frames[id], &record);
		if (!r)
			r = frame_know(dictionary, &record, known);
	}
	if (!r)
		*ret_id = *known;
	return r;
}

/* Frames are looked up even where the stack is known: one may have got its name. */
int dictionary_stack(struct dictionary *dictionary, uint32_t stack, uint32_t *ret_id)
{
	const struct profile_stack *stacks = dictionary->profile->stacks;
	CLEANUP(buffer_done) struct buffer record = {0};
	uint32_t *known = &dictionary->stacks[stack];
	struct digest digest;
	int r = 0;

	if (!stack || *known) {
		*ret_id = *known;
		return 0;
	}
	for (uint32_t at = stack; at && !r; at = stacks[at].parent) {
		uint32_t frame;

		r = dictionary_frame(dictionary, stacks[at].frame, &frame);
		if (!r)
			varint_put(&record, frame);
	}
	if (!r)
		r = buffer_error(&record);
	if (r)
		return r;
	digest = digest_make(&dictionary->database->key, record.data, record.size);
	r = dictionary_record(dictionary, RECORD_STACK, &digest, &record, known);
	if (!r)
		*ret_id = *known;
	return r;
}

static int compare_renamed(const void *a, const void *b)
{
	uint32_t x = ((const struct renamed *)a)->id, y = ((const struct renamed *)b)->id;

	return (x > y) - (x < y);
}

/* The chunk with the first of those that are left, with all that are of it; *ret_n: so many are. */
static int chunk_rewrite(struct dictionary *dictionary, size_t from, size_t *ret_n)
{
	const struct renamed *renamed = dictionary->renamed;
	CLEANUP(chunk_draft_done) struct chunk_draft draft = {0};
	CLEANUP(buffer_done) struct buffer data = {0};
	CLEANUP(chunk_done) struct chunk chunk = {0};
	size_t at = from;
	sqlite3_stmt *rewrite;
	int r = chunk_find(&chunk, dictionary->database, RECORD_FRAME, renamed[from].id);

	if (r)
		return r;
	if (renamed[from].id - chunk.first >= chunk.n)
		return -EUCLEAN;
	for (uint32_t id = chunk.first; id - chunk.first < chunk.n; id++) {
		size_t size = 0;
		const uint8_t *bytes = chunk_record(&chunk, id, &size);

		/* The last one knows most. */
		for (; at < dictionary->n_renamed && renamed[at].id == id; at++) {
			bytes = (const uint8_t *)renamed[at].record.data;
			size = renamed[at].record.size;
		}
		chunk_put(&draft, bytes, size);
	}
	r = buffer_error(&draft.plain);
	if (!r)
		r = deflate_append(&data, draft.plain.data, draft.plain.size);
	if (r)
		return r;
	rewrite = database_statement(dictionary->database, STATEMENT_frame_rewrite);
	if (!rewrite)
		return database_error(dictionary->database);
	sqlite3_bind_int64(rewrite, 1, (int64_t)draft.plain.size);
	sqlite3_bind_blob(rewrite, 2, data.data, (int)data.size, SQLITE_STATIC);
	sqlite3_bind_int64(rewrite, 3, chunk.first);
	*ret_n = at - from;
	return database_run(dictionary->database, STATEMENT_frame_rewrite);
}

int dictionary_rename(struct dictionary *dictionary)
{
	int r = 0;

	if (dictionary->n_renamed)
		qsort(dictionary->renamed, dictionary->n_renamed, sizeof(*dictionary->renamed),
			compare_renamed);
	for (size_t at = 0, n = 0; at < dictionary->n_renamed && !r; at += n)
		r = chunk_rewrite(dictionary, at, &n);
	return r;
}

int dictionary_pruned_stack(struct database *database, int64_t now_s, uint32_t *ret_id)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	CLEANUP(dictionary_done) struct dictionary dictionary = {0};
	struct profile_frame frame = {.kind = PROFILE_FRAME_MARKER};
	struct profile_function function = {0};
	struct profile_line line = {0};
	uint32_t id, stack, known;
	int r = profile ? profile_add_string(profile, "[pruned]", &function.name) : -ENOMEM;

	if (!r)
		r = profile_add_function(profile, &function, &line.function);
	if (!r)
		r = profile_add_frame(profile, &frame, &line, 1, &id);
	if (!r)
		r = profile_add_stack(profile, 0, id, &stack);
	if (!r)
		r = dictionary_init(&dictionary, database, profile, now_s);
	if (!r)
		r = dictionary_stack(&dictionary, stack, &known);
	if (!r)
		r = dictionary_write(&dictionary);
	if (!r)
		*ret_id = known;
	return r;
}
