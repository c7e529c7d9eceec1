/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A record is told by a keyed digest of its content; what is not known to be there is put down, all of
 * one window in one chunk. Chunks go when none of their records has been met for long. So that one that
 * is met all the time does not keep hundreds that are not, stacks and threads are put down anew after a
 * while; texts and frames, of which there are not so many, stay where they are: a frame has its name in
 * one place.
 */

#include "daemon/store/dictionary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/packing.h"
#include "daemon/store/record.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* How far behind `last` may be; what is swept lies further back. */
#define TOUCH_SECONDS 3600
/* When stacks and threads are put down anew. One that has two ids is told apart from itself until it is
 * read, so not too soon. */
#define RENEW_SECONDS (6 * 3600)

int dictionary_init(struct dictionary *dictionary, struct database *database,
	const struct profile *profile, int64_t now_s)
{
	int r;

	*dictionary = (struct dictionary){
		.database = database,
		.profile = profile,
		.now_s = now_s,
		.strings = calloc(profile->strings.n, sizeof(uint32_t)),
		.frames = calloc(profile->n_frames, sizeof(uint32_t)),
		.stacks = calloc(profile->n_stacks, sizeof(uint32_t)),
		.threads = calloc(profile->n_threads, sizeof(uint32_t)),
	};
	if (!dictionary->strings || !dictionary->frames || !dictionary->stacks ||
		!dictionary->threads)
		return -ENOMEM;
	r = dictionary_load(database);
	for (size_t i = 0; i < N_RECORD_KINDS; i++)
		dictionary->drafts[i].first = database->recent.next_ids[i];
	return r;
}

int dictionary_write(struct dictionary *dictionary)
{
	int r = 0;

	for (enum record_kind kind = 0; kind < N_RECORD_KINDS && !r; kind++)
		r = chunk_write(
			dictionary->database, kind, &dictionary->drafts[kind], dictionary->now_s);
	return r ? r : dictionary_rename(dictionary);
}

void dictionary_done(struct dictionary *dictionary)
{
	for (size_t i = 0; i < N_RECORD_KINDS; i++)
		chunk_draft_done(&dictionary->drafts[i]);
	for (size_t i = 0; i < dictionary->n_renamed; i++)
		buffer_done(&dictionary->renamed[i].record);
	free(dictionary->renamed);
	free(dictionary->strings);
	free(dictionary->frames);
	free(dictionary->stacks);
	free(dictionary->threads);
}

static bool is_due(const struct dictionary *dictionary, int64_t last)
{
	return last + TOUCH_SECONDS <= dictionary->now_s;
}

static int record_add(struct dictionary *dictionary, enum record_kind kind,
	const struct digest *digest, const struct buffer *record, uint32_t *ret_id)
{
	struct recent *recent = &dictionary->database->recent;
	struct chunk_draft *draft = &dictionary->drafts[kind];
	struct recent_record added = {
		.digest = *digest, .last = dictionary->now_s, .id = recent->next_ids[kind]};
	int r;

	if (added.id == UINT32_MAX)
		return -EOVERFLOW;
	r = recent_put(recent, kind, &added);
	if (r)
		return r;
	recent->next_ids[kind]++;
	chunk_put(draft, record->data, record->size);
	if (chunk_is_full(draft))
		r = chunk_write(dictionary->database, kind, draft, dictionary->now_s);
	if (!r)
		*ret_id = added.id;
	return r;
}

int dictionary_record(struct dictionary *dictionary, enum record_kind kind,
	const struct digest *digest, const struct buffer *record, uint32_t *ret_id)
{
	struct recent_record *known = recent_find(&dictionary->database->recent, kind, digest);
	bool stays = kind == RECORD_STR || kind == RECORD_FRAME;
	int r = 0;

	if (!known || (!stays && known->last + RENEW_SECONDS <= dictionary->now_s))
		return record_add(dictionary, kind, digest, record, ret_id);
	if (stays && is_due(dictionary, known->last)) {
		r = dictionary_touch(dictionary, kind, known->id);
		known->last = dictionary->now_s;
	}
	if (!r)
		*ret_id = known->id;
	return r;
}

static const struct {
	enum statement last, touch;
} touches[] = {
	[RECORD_STR] = {STATEMENT_str_last, STATEMENT_str_touch},
	[RECORD_FRAME] = {STATEMENT_frame_last, STATEMENT_frame_touch},
};

/* The chunk that the id is in; 0: it was met not long ago, or is not written yet. */
static int due_chunk(
	struct dictionary *dictionary, enum record_kind kind, uint32_t id, uint32_t *ret_first)
{
	sqlite3_stmt *row = database_statement(dictionary->database, touches[kind].last);
	uint32_t first = 0;
	int step;

	if (!row)
		return database_error(dictionary->database);
	sqlite3_bind_int64(row, 1, id);
	step = sqlite3_step(row);
	if (step == SQLITE_ROW && is_due(dictionary, sqlite3_column_int64(row, 1)))
		first = (uint32_t)sqlite3_column_int64(row, 0);
	sqlite3_reset(row);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return database_error(dictionary->database);
	*ret_first = first;
	return 0;
}

static int frame_texts_touch(struct dictionary *dictionary, const uint8_t *bytes, size_t size)
{
	struct frame_record frame;
	struct line_record line;
	int r = frame_record_parse(&frame, bytes, size);
	const uint8_t *at = frame.lines;

	if (!r)
		r = dictionary_touch(dictionary, RECORD_STR, (uint32_t)frame.path);
	if (!r)
		r = dictionary_touch(dictionary, RECORD_STR, (uint32_t)frame.build_id);
	if (!r)
		r = dictionary_touch(dictionary, RECORD_STR, (uint32_t)frame.unnamed);
	while (!r && at < frame.end) {
		r = line_record_parse(&line, &at, frame.end);
		for (size_t i = 0; i < ARRAY_SIZE(line.texts) && !r; i++)
			r = dictionary_touch(dictionary, RECORD_STR, (uint32_t)line.texts[i]);
	}
	return r;
}

/* All texts of all frames that stay with it. */
static int texts_touch(struct dictionary *dictionary, uint32_t first)
{
	CLEANUP(chunk_done) struct chunk chunk = {0};
	int r = chunk_find(&chunk, dictionary->database, RECORD_FRAME, first);

	for (uint32_t i = 0; i < chunk.n && !r; i++) {
		size_t size;
		const uint8_t *bytes = chunk_record(&chunk, chunk.first + i, &size);

		if (bytes)
			r = frame_texts_touch(dictionary, bytes, size);
	}
	return r;
}

int dictionary_touch(struct dictionary *dictionary, enum record_kind kind, uint32_t id)
{
	uint32_t first = 0;
	sqlite3_stmt *touch;
	int r = id ? due_chunk(dictionary, kind, id, &first) : 0;

	if (r || !first)
		return r;
	if (kind == RECORD_FRAME)
		r = texts_touch(dictionary, first);
	if (r)
		return r;
	touch = database_statement(dictionary->database, touches[kind].touch);
	if (!touch)
		return database_error(dictionary->database);
	sqlite3_bind_int64(touch, 1, dictionary->now_s);
	sqlite3_bind_int64(touch, 2, first);
	return database_run(dictionary->database, touches[kind].touch);
}

int dictionary_string(struct dictionary *dictionary, uint32_t string, uint32_t *ret_id)
{
	uint32_t *known = &dictionary->strings[string];
	int r = 0;

	if (string && !*known) {
		char *text = (char *)profile_string(dictionary->profile, string);
		const struct buffer record = {.data = text, .size = strlen(text)};
		struct digest digest;

		digest = digest_make(&dictionary->database->key, record.data, record.size);
		r = dictionary_record(dictionary, RECORD_STR, &digest, &record, known);
	}
	if (!r)
		*ret_id = *known;
	return r;
}

/* All of who it was, visible_to apart: that is the segment's. */
static int thread_make(
	struct dictionary *dictionary, const struct profile_thread *thread, struct buffer *out)
{
	const struct profile_process *process = &dictionary->profile->processes[thread->process];
	const uint64_t numbers[RECORD_THREAD_NUMBERS] = {
		process->pid, process->uid, process->start_ns, thread->tid};
	const uint32_t texts[RECORD_THREAD_TEXTS] = {thread->name, process->comm, process->exe,
		process->unit, process->container, process->cgroup};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		varint_put(out, numbers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(texts) && !r; i++) {
		uint32_t id;

		r = dictionary_string(dictionary, texts[i], &id);
		if (!r)
			varint_put(out, id);
	}
	return r ? r : buffer_error(out);
}

int dictionary_thread(struct dictionary *dictionary, uint32_t thread, uint32_t *ret_id)
{
	CLEANUP(buffer_done) struct buffer record = {0};
	uint32_t *known = &dictionary->threads[thread];
	struct digest digest;
	int r = 0;

	if (!*known) {
		r = thread_make(dictionary, &dictionary->profile->threads[thread], &record);
		digest = digest_make(&dictionary->database->key, record.data, record.size);
		if (!r)
			r = dictionary_record(dictionary, RECORD_THREAD, &digest, &record, known);
	}
	if (!r)
		*ret_id = *known;
	return r;
}
