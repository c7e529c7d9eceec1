/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A record is told by a keyed digest of its content, without any id, so that one that is there already
 * costs one look-up, or none where it was met of late. That it was met is written down when a good
 * while has passed since it was last, or every window would write it all.
 */

#include "daemon/store/dictionary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/dictionary-records.h"
#include "proto/base/cleanup.h"

/* How far behind `last` may be; what is swept lies further back. */
#define TOUCH_SECONDS 3600

/* By enum recent_kind. */
static const struct {
	enum statement find, touch;
} kinds[] = {
	[RECENT_FRAME] = {STATEMENT_frame_find, STATEMENT_frame_touch},
	[RECENT_STACK] = {STATEMENT_stack_find, STATEMENT_stack_touch},
	[RECENT_THREAD] = {STATEMENT_thread_find, STATEMENT_thread_touch},
};

int dictionary_init(struct dictionary *dictionary, struct database *database,
	const struct profile *profile, int64_t now_s)
{
	*dictionary = (struct dictionary){
		.database = database,
		.profile = profile,
		.now_s = now_s,
		.strings = calloc(profile->strings.n, sizeof(uint32_t)),
		.frames = calloc(profile->n_frames, sizeof(uint32_t)),
		.stacks = calloc(profile->n_stacks, sizeof(uint32_t)),
		.threads = calloc(profile->n_threads, sizeof(uint32_t)),
		.frame_digests = calloc(profile->n_frames, sizeof(struct digest)),
		.stack_digests = calloc(profile->n_stacks, sizeof(struct digest)),
	};
	return dictionary->strings && dictionary->frames && dictionary->stacks &&
			dictionary->threads && dictionary->frame_digests &&
			dictionary->stack_digests
		? 0
		: -ENOMEM;
}

void dictionary_done(struct dictionary *dictionary)
{
	free(dictionary->strings);
	free(dictionary->frames);
	free(dictionary->stacks);
	free(dictionary->threads);
	free(dictionary->frame_digests);
	free(dictionary->stack_digests);
}

static int row_id(struct database *database, uint32_t *ret_id)
{
	int64_t id = sqlite3_last_insert_rowid(database->handle);

	if (id <= 0 || id > UINT32_MAX)
		return -EOVERFLOW;
	*ret_id = (uint32_t)id;
	return 0;
}

static bool is_due(const struct dictionary *dictionary, int64_t last)
{
	return last + TOUCH_SECONDS <= dictionary->now_s;
}

bool record_is_due(const struct dictionary *dictionary, const struct recent_record *record)
{
	return is_due(dictionary, record->last);
}

int record_find(struct dictionary *dictionary, enum recent_kind kind, struct recent_record *record)
{
	struct database *database = dictionary->database;
	const struct recent_record *recent = recent_find(&database->recent, kind, &record->digest);
	sqlite3_stmt *find;
	int step;

	if (recent && !record_is_due(dictionary, recent)) {
		*record = *recent;
		return 0;
	}
	find = database_statement(database, kinds[kind].find);
	if (!find)
		return database_error(database);
	sqlite3_bind_blob(find, 1, &record->digest, DIGEST_SIZE, SQLITE_STATIC);
	step = sqlite3_step(find);
	record->id = 0;
	if (step == SQLITE_ROW) {
		record->id = (uint32_t)sqlite3_column_int64(find, 0);
		record->last = sqlite3_column_int64(find, 1);
		record->detail = (uint8_t)sqlite3_column_int64(find, 2);
	}
	sqlite3_reset(find);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return database_error(database);
	if (record->id)
		recent_put(&database->recent, kind, record);
	return 0;
}

int record_touch(struct dictionary *dictionary, enum recent_kind kind, struct recent_record *record)
{
	struct database *database = dictionary->database;
	sqlite3_stmt *touch;
	int r;

	if (!record_is_due(dictionary, record))
		return 0;
	touch = database_statement(database, kinds[kind].touch);
	if (!touch)
		return database_error(database);
	sqlite3_bind_int64(touch, 1, dictionary->now_s);
	sqlite3_bind_int64(touch, 2, record->id);
	r = database_run(database, kinds[kind].touch);
	record->last = dictionary->now_s;
	if (!r)
		recent_put(&database->recent, kind, record);
	return r;
}

int record_add(struct dictionary *dictionary, enum recent_kind kind, enum statement add,
	struct recent_record *record)
{
	int r = database_run(dictionary->database, add);

	if (!r)
		r = row_id(dictionary->database, &record->id);
	record->last = dictionary->now_s;
	if (!r)
		recent_put(&dictionary->database->recent, kind, record);
	return r;
}

/* What a text's row says; id 0: there is none. */
struct text_row {
	uint32_t id;
	int64_t last;
};

static int text_find(struct dictionary *dictionary, const char *text, struct text_row *ret_row)
{
	sqlite3_stmt *find = database_statement(dictionary->database, STATEMENT_str_find);
	struct text_row row = {0};
	int step;

	if (!find)
		return database_error(dictionary->database);
	sqlite3_bind_text(find, 1, text, -1, SQLITE_STATIC);
	step = sqlite3_step(find);
	if (step == SQLITE_ROW) {
		row.id = (uint32_t)sqlite3_column_int64(find, 0);
		row.last = sqlite3_column_int64(find, 1);
	}
	sqlite3_reset(find);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return database_error(dictionary->database);
	*ret_row = row;
	return 0;
}

static int text_add(struct dictionary *dictionary, const char *text, uint32_t *ret_id)
{
	sqlite3_stmt *add = database_statement(dictionary->database, STATEMENT_str_add);
	int r;

	if (!add)
		return database_error(dictionary->database);
	sqlite3_bind_text(add, 1, text, -1, SQLITE_STATIC);
	sqlite3_bind_int64(add, 2, dictionary->now_s);
	r = database_run(dictionary->database, STATEMENT_str_add);
	return r ? r : row_id(dictionary->database, ret_id);
}

static int text_touch(struct dictionary *dictionary, const struct text_row *row)
{
	sqlite3_stmt *touch;

	if (!is_due(dictionary, row->last))
		return 0;
	touch = database_statement(dictionary->database, STATEMENT_str_touch);
	if (!touch)
		return database_error(dictionary->database);
	sqlite3_bind_int64(touch, 1, dictionary->now_s);
	sqlite3_bind_int64(touch, 2, row->id);
	return database_run(dictionary->database, STATEMENT_str_touch);
}

int dictionary_string(struct dictionary *dictionary, uint32_t string, uint32_t *ret_id)
{
	const char *text = profile_string(dictionary->profile, string);
	uint32_t *known = &dictionary->strings[string];
	struct text_row row = {0};
	int r = 0;

	if (string && !*known) {
		r = text_find(dictionary, text, &row);
		if (!r && row.id)
			r = text_touch(dictionary, &row);
		else if (!r)
			r = text_add(dictionary, text, &row.id);
		if (!r)
			*known = row.id;
	}
	if (!r)
		*ret_id = *known;
	return r;
}

void digest_put_text(struct buffer *out, const struct profile *profile, uint32_t string)
{
	const char *text = profile_string(profile, string);

	buffer_append(out, text, strlen(text) + 1);
}

/* All of who it was, visible_to apart: that is the segment's. */
static int thread_digest(
	struct dictionary *dictionary, const struct profile_thread *thread, struct digest *ret)
{
	const struct profile *profile = dictionary->profile;
	const struct profile_process *process = &profile->processes[thread->process];
	const uint32_t numbers[] = {thread->tid, process->pid, process->uid};
	const uint32_t texts[] = {thread->name, process->comm, process->exe, process->unit,
		process->container, process->cgroup};
	CLEANUP(buffer_done) struct buffer content = {0};

	buffer_append(&content, numbers, sizeof(numbers));
	buffer_append(&content, &process->start_ns, sizeof(process->start_ns));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		digest_put_text(&content, profile, texts[i]);
	if (buffer_error(&content))
		return -ENOMEM;
	*ret = digest_make(&dictionary->database->key, content.data, content.size);
	return 0;
}

#define N_THREAD_TEXTS 6

static int thread_texts_make(struct dictionary *dictionary, const struct profile_thread *thread,
	uint32_t ids[N_THREAD_TEXTS])
{
	const struct profile_process *process = &dictionary->profile->processes[thread->process];
	const uint32_t texts[N_THREAD_TEXTS] = {thread->name, process->comm, process->exe,
		process->unit, process->container, process->cgroup};
	int r = 0;

	for (size_t i = 0; i < N_THREAD_TEXTS && !r; i++)
		r = dictionary_string(dictionary, texts[i], &ids[i]);
	return r;
}

static int thread_add(struct dictionary *dictionary, const struct profile_thread *thread,
	struct recent_record *record)
{
	const struct profile_process *process = &dictionary->profile->processes[thread->process];
	uint32_t ids[N_THREAD_TEXTS];
	sqlite3_stmt *add;
	int r = thread_texts_make(dictionary, thread, ids);

	if (r)
		return r;
	add = database_statement(dictionary->database, STATEMENT_thread_add);
	if (!add)
		return database_error(dictionary->database);
	sqlite3_bind_blob(add, 1, &record->digest, DIGEST_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(add, 2, dictionary->now_s);
	sqlite3_bind_int64(add, 3, process->pid);
	sqlite3_bind_int64(add, 4, process->uid);
	sqlite3_bind_int64(add, 5, (int64_t)process->start_ns);
	sqlite3_bind_int64(add, 6, thread->tid);
	for (int i = 0; i < N_THREAD_TEXTS; i++)
		sqlite3_bind_int64(add, 7 + i, ids[i]);
	return record_add(dictionary, RECENT_THREAD, STATEMENT_thread_add, record);
}

int dictionary_thread(struct dictionary *dictionary, uint32_t thread, uint32_t *ret_id)
{
	const struct profile_thread *asked = &dictionary->profile->threads[thread];
	uint32_t *known = &dictionary->threads[thread], ids[N_THREAD_TEXTS];
	struct recent_record record = {0};
	int r;

	if (*known) {
		*ret_id = *known;
		return 0;
	}
	r = thread_digest(dictionary, asked, &record.digest);
	if (!r)
		r = record_find(dictionary, RECENT_THREAD, &record);
	if (!r && !record.id)
		r = thread_add(dictionary, asked, &record);
	else if (!r && record_is_due(dictionary, &record))
		r = thread_texts_make(dictionary, asked, ids);
	if (!r)
		r = record_touch(dictionary, RECENT_THREAD, &record);
	if (r)
		return r;
	*ret_id = *known = record.id;
	return 0;
}
