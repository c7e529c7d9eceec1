/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A record is told by a keyed digest of its content, without any id, so that a stack that is there
 * already costs one look-up. A frame of a file is where it is, not what it is called: when it comes
 * again with a name that it did not have, it has that name in all windows before. That it was met is
 * written down when a good while has passed since it was last, or every window would write it all.
 */

#include "daemon/store/dictionary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/rows.h"
#include "proto/base/cleanup.h"

/* How far behind `last` may be; what is swept lies further back. */
#define TOUCH_SECONDS 3600

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

static int last_id(struct database *database, uint32_t *ret_id)
{
	int64_t id = sqlite3_last_insert_rowid(database->handle);

	if (id <= 0 || id > UINT32_MAX)
		return -EOVERFLOW;
	*ret_id = (uint32_t)id;
	return 0;
}

/* What find found. */
struct found {
	uint32_t id; /* 0: nothing */
	int64_t last;
	bool is_unnamed; /* of a frame */
};

static int find(struct dictionary *dictionary, enum statement statement,
	const struct digest *digest, struct found *ret_found)
{
	sqlite3_stmt *prepared = database_statement(dictionary->database, statement);
	struct found found = {0};
	int step;

	if (!prepared)
		return database_error(dictionary->database);
	sqlite3_bind_blob(prepared, 1, digest, sizeof(*digest), SQLITE_STATIC);
	step = sqlite3_step(prepared);
	if (step == SQLITE_ROW) {
		found.id = (uint32_t)sqlite3_column_int64(prepared, 0);
		found.last = sqlite3_column_int64(prepared, 1);
		if (statement == STATEMENT_frame_find)
			found.is_unnamed = sqlite3_column_int64(prepared, 2) != 0;
	}
	sqlite3_reset(prepared);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return database_error(dictionary->database);
	*ret_found = found;
	return 0;
}

static bool is_due(const struct dictionary *dictionary, const struct found *found)
{
	return found->last + TOUCH_SECONDS <= dictionary->now_s;
}

static int touch(struct dictionary *dictionary, enum statement statement, const struct found *found)
{
	sqlite3_stmt *prepared;

	if (!is_due(dictionary, found))
		return 0;
	prepared = database_statement(dictionary->database, statement);
	if (!prepared)
		return database_error(dictionary->database);
	sqlite3_bind_int64(prepared, 1, dictionary->now_s);
	sqlite3_bind_int64(prepared, 2, found->id);
	return database_run(dictionary->database, statement);
}

static int text_find(struct dictionary *dictionary, const char *text, struct found *ret_found)
{
	sqlite3_stmt *find = database_statement(dictionary->database, STATEMENT_str_find);
	struct found found = {0};
	int step;

	if (!find)
		return database_error(dictionary->database);
	sqlite3_bind_text(find, 1, text, -1, SQLITE_STATIC);
	step = sqlite3_step(find);
	if (step == SQLITE_ROW) {
		found.id = (uint32_t)sqlite3_column_int64(find, 0);
		found.last = sqlite3_column_int64(find, 1);
	}
	sqlite3_reset(find);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return database_error(dictionary->database);
	*ret_found = found;
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
	return r ? r : last_id(dictionary->database, ret_id);
}

int dictionary_string(struct dictionary *dictionary, uint32_t string, uint32_t *ret_id)
{
	const char *text = profile_string(dictionary->profile, string);
	uint32_t *known = &dictionary->strings[string];
	struct found found = {0};
	int r = 0;

	if (string && !*known) {
		r = text_find(dictionary, text, &found);
		if (!r && found.id)
			r = touch(dictionary, STATEMENT_str_touch, &found);
		else if (!r)
			r = text_add(dictionary, text, &found.id);
		if (!r)
			*known = found.id;
	}
	if (!r)
		*ret_id = *known;
	return r;
}

static void put_text(struct buffer *out, const struct profile *profile, uint32_t string)
{
	const char *text = profile_string(profile, string);

	buffer_append(out, text, strlen(text) + 1);
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
	put_text(&content, profile, mapping->path);
	put_text(&content, profile, mapping->build_id);
	for (size_t i = 0; !is_place && i < frame->n_lines; i++) {
		const struct profile_line *line = &profile->lines[frame->first_line + i];

		put_text(&content, profile, profile->functions[line->function].name);
		put_text(&content, profile, profile->functions[line->function].file);
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

static int frame_add(struct dictionary *dictionary, uint32_t id, uint32_t *ret_id)
{
	const struct profile_frame *frame = &dictionary->profile->frames[id];
	CLEANUP(frame_texts_done) struct frame_texts texts = {0};
	sqlite3_stmt *add;
	int r = frame_texts_make(dictionary, frame, &texts);

	if (r)
		return r;
	add = database_statement(dictionary->database, STATEMENT_frame_add);
	if (!add)
		return database_error(dictionary->database);
	sqlite3_bind_blob(add, 1, &dictionary->frame_digests[id], DIGEST_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(add, 2, dictionary->now_s);
	sqlite3_bind_int64(add, 3, texts.path);
	sqlite3_bind_int64(add, 4, texts.build_id);
	sqlite3_bind_int64(add, 5, (int64_t)frame->address);
	sqlite3_bind_int64(add, 6, frame->kind);
	sqlite3_bind_int64(add, 7, texts.unnamed);
	sqlite3_bind_blob(add, 8, texts.chain.data ? texts.chain.data : "", (int)texts.chain.size,
		SQLITE_STATIC);
	r = database_run(dictionary->database, STATEMENT_frame_add);
	return r ? r : last_id(dictionary->database, ret_id);
}

/* With all that it needs: a name that was written down before it was known stays as it is. */
static int frame_touch(struct dictionary *dictionary, uint32_t id, const struct found *found)
{
	CLEANUP(frame_texts_done) struct frame_texts texts = {0};
	int r;

	if (!is_due(dictionary, found))
		return 0;
	r = frame_texts_make(dictionary, &dictionary->profile->frames[id], &texts);
	return r ? r : touch(dictionary, STATEMENT_frame_touch, found);
}

static int frame_name(struct dictionary *dictionary, uint32_t id, uint32_t known)
{
	CLEANUP(buffer_done) struct buffer chain = {0};
	sqlite3_stmt *name;
	int r = chain_make(dictionary, &dictionary->profile->frames[id], &chain);

	if (r)
		return r;
	name = database_statement(dictionary->database, STATEMENT_frame_name);
	if (!name)
		return database_error(dictionary->database);
	sqlite3_bind_blob(name, 1, chain.data ? chain.data : "", (int)chain.size, SQLITE_STATIC);
	sqlite3_bind_int64(name, 2, known);
	return database_run(dictionary->database, STATEMENT_frame_name);
}

static int dictionary_frame(struct dictionary *dictionary, uint32_t id, uint32_t *ret_id)
{
	uint32_t *known = &dictionary->frames[id];
	struct found found;
	int r = 0;

	if (!*known)
		r = find(dictionary, STATEMENT_frame_find, &dictionary->frame_digests[id], &found);
	if (!r && !*known) {
		*known = found.id;
		if (!found.id)
			r = frame_add(dictionary, id, known);
		else if (found.is_unnamed && !dictionary->profile->frames[id].unnamed)
			r = frame_name(dictionary, id, found.id);
		if (!r && found.id)
			r = frame_touch(dictionary, id, &found);
	}
	if (!r)
		*ret_id = *known;
	return r;
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

static int stack_insert(struct database *database, const struct digest *digest, int64_t now_s,
	const struct buffer *frames)
{
	sqlite3_stmt *add = database_statement(database, STATEMENT_stack_add);

	if (!add)
		return database_error(database);
	sqlite3_bind_blob(add, 1, digest, DIGEST_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(add, 2, now_s);
	sqlite3_bind_blob(
		add, 3, frames->data ? frames->data : "", (int)frames->size, SQLITE_STATIC);
	return database_run(database, STATEMENT_stack_add);
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
	struct found found;
	int r;

	if (!stack || *known) {
		*ret_id = *known;
		return 0;
	}
	r = stack_digest(dictionary, stack);
	if (!r)
		r = stack_frames(dictionary, stack, &frames);
	if (!r)
		r = find(dictionary, STATEMENT_stack_find, &dictionary->stack_digests[stack],
			&found);
	if (r)
		return r;
	if (found.id) {
		*known = found.id;
		r = touch(dictionary, STATEMENT_stack_touch, &found);
	} else {
		r = stack_insert(dictionary->database, &dictionary->stack_digests[stack],
			dictionary->now_s, &frames);
		if (!r)
			r = last_id(dictionary->database, known);
	}
	if (!r)
		*ret_id = *known;
	return r;
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
		put_text(&content, profile, texts[i]);
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
	const struct digest *digest, uint32_t *ret_id)
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
	sqlite3_bind_blob(add, 1, digest, sizeof(*digest), SQLITE_STATIC);
	sqlite3_bind_int64(add, 2, dictionary->now_s);
	sqlite3_bind_int64(add, 3, process->pid);
	sqlite3_bind_int64(add, 4, process->uid);
	sqlite3_bind_int64(add, 5, (int64_t)process->start_ns);
	sqlite3_bind_int64(add, 6, thread->tid);
	for (int i = 0; i < N_THREAD_TEXTS; i++)
		sqlite3_bind_int64(add, 7 + i, ids[i]);
	r = database_run(dictionary->database, STATEMENT_thread_add);
	return r ? r : last_id(dictionary->database, ret_id);
}

int dictionary_thread(struct dictionary *dictionary, uint32_t thread, uint32_t *ret_id)
{
	uint32_t *known = &dictionary->threads[thread], ids[N_THREAD_TEXTS];
	struct digest digest;
	struct found found;
	int r;

	if (*known) {
		*ret_id = *known;
		return 0;
	}
	r = thread_digest(dictionary, &dictionary->profile->threads[thread], &digest);
	if (!r)
		r = find(dictionary, STATEMENT_thread_find, &digest, &found);
	if (r)
		return r;
	*known = found.id;
	if (!found.id)
		r = thread_add(dictionary, &dictionary->profile->threads[thread], &digest, known);
	else if (is_due(dictionary, &found))
		r = thread_texts_make(dictionary, &dictionary->profile->threads[thread], ids);
	if (!r && found.id)
		r = touch(dictionary, STATEMENT_thread_touch, &found);
	if (!r)
		*ret_id = *known;
	return r;
}
