/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A frame of a file is where it is, not what it is called: when it comes again with a better name than
 * it had, one at all, or one with lines, it has that name in all windows before.
 */

#include "daemon/store/dictionary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/dictionary-records.h"
#include "daemon/store/rows.h"
#include "proto/base/cleanup.h"

/* How much is known of a frame: the more the better. As the database has it. */
enum {
	DETAIL_NONE,
	DETAIL_NAME,
	DETAIL_LINES,
};

static uint8_t detail_of(const struct profile *profile, const struct profile_frame *frame)
{
	if (frame->unnamed)
		return DETAIL_NONE;
	for (size_t i = 0; i < frame->n_lines; i++)
		if (profile->lines[frame->first_line + i].line)
			return DETAIL_LINES;
	return DETAIL_NAME;
}

/* Where a frame of a file is says all. Other code is what it is called. */
static int frame_digest(struct dictionary *dictionary, uint32_t id)
{
	const struct profile *profile = dictionary->profile;
	const struct profile_frame *frame = &profile->frames[id];
	const struct profile_mapping *mapping = &profile->mappings[frame->mapping];
	bool is_place = frame->kind == PROFILE_FRAME_USER && frame->address;
	CLEANUP(buffer_done) struct buffer content = {0};

	buffer_append(&content, &frame->address, sizeof(frame->address));
	buffer_append(&content, &frame->kind, sizeof(frame->kind));
	digest_put_text(&content, profile, mapping->path);
	digest_put_text(&content, profile, mapping->build_id);
	for (size_t i = 0; !is_place && i < frame->n_lines; i++) {
		const struct profile_line *line = &profile->lines[frame->first_line + i];

		digest_put_text(&content, profile, profile->functions[line->function].name);
		digest_put_text(&content, profile, profile->functions[line->function].file);
		buffer_append(&content, &line->line, sizeof(line->line));
	}
	if (buffer_error(&content))
		return -ENOMEM;
	dictionary->frame_digests[id] = digest_make(
		&dictionary->database->key, content.data, content.size);
	return 0;
}

static int chain_make(
	struct dictionary *dictionary, const struct profile_frame *frame, struct buffer *out)
{
	const struct profile *profile = dictionary->profile;

	for (size_t i = 0; i < frame->n_lines; i++) {
		const struct profile_line *line = &profile->lines[frame->first_line + i];
		const struct profile_function *function = &profile->functions[line->function];
		const uint32_t texts[] = {function->name, function->system_name, function->file};

		for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
			uint32_t id;
			int r = dictionary_string(dictionary, texts[k], &id);

			if (r)
				return r;
			varint_put(out, id);
		}
		varint_put(out, function->start_line);
		varint_put(out, line->line);
	}
	return buffer_error(out);
}

struct frame_texts {
	uint32_t path, build_id, unnamed;
	struct buffer chain;
};

static void frame_texts_done(struct frame_texts *texts)
{
	buffer_done(&texts->chain);
}

static int frame_texts_make(
	struct dictionary *dictionary, const struct profile_frame *frame, struct frame_texts *texts)
{
	const struct profile_mapping *mapping = &dictionary->profile->mappings[frame->mapping];
	int r = dictionary_string(dictionary, mapping->path, &texts->path);

	if (!r)
		r = dictionary_string(dictionary, mapping->build_id, &texts->build_id);
	if (!r)
		r = dictionary_string(dictionary, frame->unnamed, &texts->unnamed);
	return r ? r : chain_make(dictionary, frame, &texts->chain);
}

static int frame_add(struct dictionary *dictionary, uint32_t id, struct recent_record *record)
{
	const struct profile_frame *frame = &dictionary->profile->frames[id];
	CLEANUP(frame_texts_done) struct frame_texts texts = {0};
	sqlite3_stmt *add;
	int r = frame_texts_make(dictionary, frame, &texts);

	if (r)
		return r;
	record->detail = detail_of(dictionary->profile, frame);
	add = database_statement(dictionary->database, STATEMENT_frame_add);
	if (!add)
		return database_error(dictionary->database);
	sqlite3_bind_blob(add, 1, &record->digest, DIGEST_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(add, 2, dictionary->now_s);
	sqlite3_bind_int64(add, 3, texts.path);
	sqlite3_bind_int64(add, 4, texts.build_id);
	sqlite3_bind_int64(add, 5, (int64_t)frame->address);
	sqlite3_bind_int64(add, 6, frame->kind);
	sqlite3_bind_int64(add, 7, texts.unnamed);
	sqlite3_bind_blob(add, 8, texts.chain.data ? texts.chain.data : "", (int)texts.chain.size,
		SQLITE_STATIC);
	sqlite3_bind_int64(add, 9, record->detail);
	return record_add(dictionary, RECENT_FRAME, STATEMENT_frame_add, record);
}

/* With all that it needs: a name that was written down before it was known stays as it is. */
static int frame_touch(struct dictionary *dictionary, uint32_t id, struct recent_record *record)
{
	CLEANUP(frame_texts_done) struct frame_texts texts = {0};
	int r;

	if (!record_is_due(dictionary, record))
		return 0;
	r = frame_texts_make(dictionary, &dictionary->profile->frames[id], &texts);
	return r ? r : record_touch(dictionary, RECENT_FRAME, record);
}

static int frame_name(struct dictionary *dictionary, uint32_t id, struct recent_record *record)
{
	CLEANUP(buffer_done) struct buffer chain = {0};
	const struct profile_frame *frame = &dictionary->profile->frames[id];
	uint8_t detail = detail_of(dictionary->profile, frame);
	sqlite3_stmt *name;
	int r;

	if (detail <= record->detail)
		return 0;
	r = chain_make(dictionary, frame, &chain);
	if (r)
		return r;
	name = database_statement(dictionary->database, STATEMENT_frame_name);
	if (!name)
		return database_error(dictionary->database);
	sqlite3_bind_blob(name, 1, chain.data ? chain.data : "", (int)chain.size, SQLITE_STATIC);
	sqlite3_bind_int64(name, 2, detail);
	sqlite3_bind_int64(name, 3, record->id);
	r = database_run(dictionary->database, STATEMENT_frame_name);
	record->detail = detail;
	if (!r)
		recent_put(&dictionary->database->recent, RECENT_FRAME, record);
	return r;
}

static int dictionary_frame(struct dictionary *dictionary, uint32_t id, uint32_t *ret_id)
{
	uint32_t *known = &dictionary->frames[id];
	struct recent_record record = {.digest = dictionary->frame_digests[id]};
	int r = 0;

	if (*known) {
		*ret_id = *known;
		return 0;
	}
	r = record_find(dictionary, RECENT_FRAME, &record);
	if (!r && !record.id)
		r = frame_add(dictionary, id, &record);
	if (!r)
		r = frame_name(dictionary, id, &record);
	if (!r)
		r = frame_touch(dictionary, id, &record);
	if (r)
		return r;
	*ret_id = *known = record.id;
	return 0;
}

static bool has_digest(const struct digest *digest)
{
	static const struct digest none;

	return memcmp(digest, &none, sizeof(none)) != 0;
}

/* A stack's digest is made of its callers' and its leaf's; callers have smaller ids. */
static int stack_digest(struct dictionary *dictionary, uint32_t id)
{
	const struct profile_stack *stacks = dictionary->profile->stacks;
	CLEANUP(freep) uint32_t *pending = malloc(stacks[id].depth * sizeof(*pending));
	size_t n = 0;

	if (!pending)
		return -ENOMEM;
	for (uint32_t at = id; at && !has_digest(&dictionary->stack_digests[at]);
		at = stacks[at].parent)
		pending[n++] = at;
	while (n--) {
		const struct profile_stack *stack = &stacks[pending[n]];
		struct digest pair[2];
		int r = 0;

		if (!has_digest(&dictionary->frame_digests[stack->frame]))
			r = frame_digest(dictionary, stack->frame);
		if (r)
			return r;
		pair[0] = dictionary->stack_digests[stack->parent];
		pair[1] = dictionary->frame_digests[stack->frame];
		dictionary->stack_digests[pending[n]] = digest_make(
			&dictionary->database->key, pair, sizeof(pair));
	}
	return 0;
}

static int stack_add(
	struct dictionary *dictionary, const struct buffer *frames, struct recent_record *record)
{
	sqlite3_stmt *add = database_statement(dictionary->database, STATEMENT_stack_add);

	if (!add)
		return database_error(dictionary->database);
	sqlite3_bind_blob(add, 1, &record->digest, DIGEST_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(add, 2, dictionary->now_s);
	sqlite3_bind_blob(
		add, 3, frames->data ? frames->data : "", (int)frames->size, SQLITE_STATIC);
	return record_add(dictionary, RECENT_STACK, STATEMENT_stack_add, record);
}

/* The frames are looked up even where the stack is known: one may have got its name. */
static int stack_frames(struct dictionary *dictionary, uint32_t id, struct buffer *frames)
{
	const struct profile_stack *stacks = dictionary->profile->stacks;

	for (uint32_t at = id; at; at = stacks[at].parent) {
		uint32_t frame;
		int r = dictionary_frame(dictionary, stacks[at].frame, &frame);

		if (r)
			return r;
		varint_put(frames, frame);
	}
	return buffer_error(frames);
}

int dictionary_stack(struct dictionary *dictionary, uint32_t stack, uint32_t *ret_id)
{
	CLEANUP(buffer_done) struct buffer frames = {0};
	uint32_t *known = &dictionary->stacks[stack];
	struct recent_record record = {0};
	int r;

	if (!stack || *known) {
		*ret_id = *known;
		return 0;
	}
	r = stack_digest(dictionary, stack);
	if (!r)
		r = stack_frames(dictionary, stack, &frames);
	record.digest = dictionary->stack_digests[stack];
	if (!r)
		r = record_find(dictionary, RECENT_STACK, &record);
	if (!r && !record.id)
		r = stack_add(dictionary, &frames, &record);
	if (!r)
		r = record_touch(dictionary, RECENT_STACK, &record);
	if (r)
		return r;
	*ret_id = *known = record.id;
	return 0;
}

int dictionary_pruned_stack(struct database *database, int64_t now_s, uint32_t *ret_id)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	CLEANUP(dictionary_done) struct dictionary dictionary = {0};
	struct profile_frame frame = {.kind = PROFILE_FRAME_MARKER};
	struct profile_function function = {0};
	struct profile_line line = {0};
	uint32_t id, stack;
	int r = profile ? profile_add_string(profile, "[pruned]", &function.name) : -ENOMEM;

	if (!r)
		r = profile_add_function(profile, &function, &line.function);
	if (!r)
		r = profile_add_frame(profile, &frame, &line, 1, &id);
	if (!r)
		r = profile_add_stack(profile, 0, id, &stack);
	if (!r)
		r = dictionary_init(&dictionary, database, profile, now_s);
	return r ? r : dictionary_stack(&dictionary, stack, ret_id);
}
