/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The tables of the one document. Each is an array of plain records and, until it is sealed, a hash
 * index that finds an equal record again. Invariants: record 0 of each table with ids is all zero;
 * an id that was handed out stays good; a stack's parent has a smaller id than the stack.
 */

#include "proto/profile/profile.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"

/* A table whose records are equal when their bytes are (they have no padding). */
struct table {
	void *items; /* a pointer to the array's pointer */
	size_t *n, *n_allocated;
	size_t item_size;
	struct hash *hash;
};

#define TABLE(profile, name)                                                                       \
	((struct table){&(profile)->name##s, &(profile)->n_##name##s,                              \
		&(profile)->n_##name##s_allocated, sizeof(*(profile)->name##s),                    \
		&(profile)->name##_hash})

#define MAPPINGS(profile) TABLE(profile, mapping)
#define FUNCTIONS(profile) TABLE(profile, function)
#define FRAMES(profile) TABLE(profile, frame)
#define STACKS(profile) TABLE(profile, stack)
#define THREADS(profile) TABLE(profile, thread)
#define SAMPLES(profile) TABLE(profile, sample)
#define PROCESSES(profile)                                                                         \
	((struct table){&(profile)->processes, &(profile)->n_processes,                            \
		&(profile)->n_processes_allocated, sizeof(*(profile)->processes),                  \
		&(profile)->process_hash})

static void *table_item(const struct table *table, uint32_t id)
{
	return *(char **)table->items + id * table->item_size;
}

static bool record_is_equal(const void *table, uint32_t id, const void *key)
{
	const struct table *in = table;

	return !memcmp(table_item(in, id), key, in->item_size);
}

/* Makes room behind the last record; its id is *n before it is counted. */
static int table_reserve(const struct table *table)
{
	if (*table->n >= INT32_MAX)
		return -E2BIG;
	return array_reserve(table->items, table->n_allocated, *table->n + 1, table->item_size);
}

static int table_append(
	const struct table *table, const void *record, uint32_t hash, uint32_t *ret_id)
{
	uint32_t id = (uint32_t)*table->n;
	int r = table_reserve(table);

	if (r < 0)
		return r;
	r = hash_add(table->hash, hash, id);
	if (r < 0)
		return r;
	memcpy(table_item(table, id), record, table->item_size);
	++*table->n;
	*ret_id = id;
	return 0;
}

static int table_add(const struct table *table, const void *record, uint32_t *ret_id)
{
	uint32_t hash = hash_bytes(record, table->item_size);
	uint32_t id = hash_find(table->hash, hash, record_is_equal, table, record);

	if (!id)
		return table_append(table, record, hash, ret_id);
	*ret_id = id;
	return 0;
}

static struct profile *profile_free(struct profile *profile)
{
	intern_done(&profile->strings);
	free(profile->mappings);
	free(profile->functions);
	free(profile->lines);
	free(profile->frames);
	free(profile->stacks);
	free(profile->processes);
	free(profile->threads);
	free(profile->samples);
	free(profile->runs);
	free(profile->values);
	hash_done(&profile->mapping_hash);
	hash_done(&profile->function_hash);
	hash_done(&profile->frame_hash);
	hash_done(&profile->stack_hash);
	hash_done(&profile->process_hash);
	hash_done(&profile->thread_hash);
	hash_done(&profile->sample_hash);
	free(profile);
	return NULL;
}

struct profile *profile_new(void)
{
	CLEANUP(profile_unrefp) struct profile *profile = calloc(1, sizeof(*profile));

	if (!profile)
		return NULL;
	profile->n_refs = 1;
	if (intern_init(&profile->strings) < 0)
		return NULL;

	const struct table tables[] = {MAPPINGS(profile), FUNCTIONS(profile), FRAMES(profile),
		STACKS(profile), PROCESSES(profile), THREADS(profile)};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (table_reserve(&tables[i]) < 0)
			return NULL;
		*tables[i].n = 1;
	}
	return TAKE(profile);
}

struct profile *profile_ref(struct profile *profile)
{
	profile->n_refs++;
	return profile;
}

struct profile *profile_unref(struct profile *profile)
{
	if (!profile || --profile->n_refs)
		return NULL;
	return profile_free(profile);
}

void profile_unrefp(struct profile **profile)
{
	*profile = profile_unref(*profile);
}

int profile_add_string_n(struct profile *profile, const char *text, size_t n, uint32_t *ret_id)
{
	CLEANUP(freep) char *clean = NULL;
	bool is_plain = true;

	assert(!profile->is_sealed);
	n = strnlen(text, n);
	for (size_t i = 0; i < n && is_plain; i++)
		is_plain = text[i] >= ' ' && text[i] < 0x7f;
	if (is_plain)
		return intern_add(&profile->strings, text, n, ret_id);
	clean = strndup(text, n);
	if (!clean)
		return -ENOMEM;
	return intern_add(&profile->strings, clean, utf8_sanitize(clean, n), ret_id);
}

int profile_add_string(struct profile *profile, const char *text, uint32_t *ret_id)
{
	return profile_add_string_n(profile, text, strlen(text), ret_id);
}

int profile_add_value_type(struct profile *profile, const char *type, const char *unit)
{
	struct profile_value_type added;
	int r;

	if (profile->n_samples)
		return -EINVAL;
	if (profile->n_value_types >= PROFILE_VALUES_MAX)
		return -E2BIG;
	r = profile_add_string(profile, type, &added.type);
	if (r < 0)
		return r;
	r = profile_add_string(profile, unit, &added.unit);
	if (r < 0)
		return r;
	profile->value_types[profile->n_value_types++] = added;
	return 0;
}

int profile_add_mapping(
	struct profile *profile, const struct profile_mapping *mapping, uint32_t *ret_id)
{
	assert(!profile->is_sealed);
	return table_add(&MAPPINGS(profile), mapping, ret_id);
}

int profile_add_function(
	struct profile *profile, const struct profile_function *function, uint32_t *ret_id)
{
	assert(!profile->is_sealed);
	return table_add(&FUNCTIONS(profile), function, ret_id);
}

struct frame_key {
	const struct profile_frame *frame;
	const struct profile_line *lines;
	size_t n_lines;
};

static uint32_t frame_hash(const struct frame_key *key)
{
	const struct profile_frame *frame = key->frame;
	const uint32_t words[] = {(uint32_t)frame->address, (uint32_t)(frame->address >> 32),
		frame->mapping, frame->kind, frame->unnamed,
		key->n_lines ? hash_bytes(key->lines, key->n_lines * sizeof(*key->lines)) : 0};

	return hash_bytes(words, sizeof(words));
}

static bool frame_is_equal(const void *table, uint32_t id, const void *key)
{
	const struct profile *profile = table;
	const struct frame_key *wanted = key;
	const struct profile_frame *a = &profile->frames[id], *b = wanted->frame;

	return a->address == b->address && a->mapping == b->mapping && a->kind == b->kind &&
		a->unnamed == b->unnamed && a->n_lines == wanted->n_lines &&
		(!a->n_lines ||
			!memcmp(profile->lines + a->first_line, wanted->lines,
				a->n_lines * sizeof(*wanted->lines)));
}

/* Puts the lines behind the others; *ret_first is where. Nothing is counted yet. */
static int lines_reserve(struct profile *profile, const struct frame_key *key)
{
	int r;

	if (key->n_lines > UINT16_MAX || profile->n_lines + key->n_lines > INT32_MAX)
		return -E2BIG;
	r = array_reserve(&profile->lines, &profile->n_lines_allocated,
		profile->n_lines + key->n_lines, sizeof(*profile->lines));
	if (r < 0)
		return r;
	if (key->n_lines)
		memcpy(profile->lines + profile->n_lines, key->lines,
			key->n_lines * sizeof(*key->lines));
	return 0;
}

int profile_add_frame(struct profile *profile, const struct profile_frame *frame,
	const struct profile_line *lines, size_t n_lines, uint32_t *ret_id)
{
	const struct frame_key key = {.frame = frame, .lines = lines, .n_lines = n_lines};
	uint32_t hash = frame_hash(&key);
	uint32_t id = hash_find(&profile->frame_hash, hash, frame_is_equal, profile, &key);
	struct profile_frame added = *frame;
	int r;

	assert(!profile->is_sealed);
	if (id) {
		*ret_id = id;
		return 0;
	}
	r = lines_reserve(profile, &key);
	if (r < 0)
		return r;
	added.first_line = (uint32_t)profile->n_lines;
	added.n_lines = (uint16_t)n_lines;
	r = table_append(&FRAMES(profile), &added, hash, ret_id);
	if (r < 0)
		return r;
	profile->n_lines += n_lines;
	return 0;
}

int profile_name_frame(struct profile *profile, uint32_t frame, const struct profile_line *lines,
	size_t n_lines, uint32_t unnamed)
{
	struct profile_frame named = profile->frames[frame];
	const struct frame_key before = {.frame = &profile->frames[frame]};
	const struct frame_key after = {.frame = &named, .lines = lines, .n_lines = n_lines};
	int r;

	assert(!profile->is_sealed && !named.n_lines);
	named.unnamed = unnamed;
	named.first_line = (uint32_t)profile->n_lines;
	named.n_lines = (uint16_t)n_lines;
	r = lines_reserve(profile, &after);
	if (r < 0)
		return r;
	/* Where an equal frame is there already, both stay; the index then finds either. */
	r = hash_add(&profile->frame_hash, frame_hash(&after), frame);
	if (r < 0)
		return r;
	hash_remove(&profile->frame_hash, frame_hash(&before), frame);
	profile->frames[frame] = named;
	profile->n_lines += n_lines;
	return 0;
}

static struct profile_stack stack_of(const struct profile *profile, uint32_t parent, uint32_t frame)
{
	return (struct profile_stack){
		.parent = parent, .frame = frame, .depth = profile->stacks[parent].depth + 1};
}

/* Puts what was appended into the index. */
static int stacks_index(struct profile *profile)
{
	size_t *at = &profile->n_stacks_indexed;
	int r = 0;

	/* Stack 0 is looked for by nobody. */
	for (*at += !*at; r == 0 && *at < profile->n_stacks; *at += r == 0)
		r = hash_add(&profile->stack_hash,
			hash_bytes(&profile->stacks[*at], sizeof(*profile->stacks)), (uint32_t)*at);
	return r;
}

int profile_add_stack(struct profile *profile, uint32_t parent, uint32_t frame, uint32_t *ret_id)
{
	const struct profile_stack stack = stack_of(profile, parent, frame);
	int r = stacks_index(profile);

	assert(!profile->is_sealed);
	if (r < 0)
		return r;
	r = table_add(&STACKS(profile), &stack, ret_id);
	profile->n_stacks_indexed = profile->n_stacks;
	return r;
}

int profile_append_stack(struct profile *profile, uint32_t parent, uint32_t frame, uint32_t *ret_id)
{
	const struct profile_stack stack = stack_of(profile, parent, frame);
	int r = table_reserve(&STACKS(profile));

	assert(!profile->is_sealed);
	if (r < 0)
		return r;
	*ret_id = (uint32_t)profile->n_stacks;
	profile->stacks[profile->n_stacks++] = stack;
	return 0;
}

int profile_add_process(
	struct profile *profile, const struct profile_process *process, uint32_t *ret_id)
{
	assert(!profile->is_sealed);
	return table_add(&PROCESSES(profile), process, ret_id);
}

int profile_add_thread(
	struct profile *profile, const struct profile_thread *thread, uint32_t *ret_id)
{
	assert(!profile->is_sealed);
	return table_add(&THREADS(profile), thread, ret_id);
}

/* Samples are in the hash by index + 1, since they have no record 0. */
static bool sample_is_equal(const void *table, uint32_t id, const void *key)
{
	const struct profile *profile = table;
	const struct profile_sample *a = &profile->samples[id - 1], *b = key;

	return a->stack == b->stack && a->thread == b->thread && a->slice == b->slice &&
		a->stop == b->stop && a->stop_class == b->stop_class;
}

/* Looked for with each sample that comes: a few multiplications, and nothing of any length. */
static uint32_t sample_hash(const struct profile_sample *key)
{
	uint64_t mixed = (key->stack | (uint64_t)key->thread << 32) * 0x9e3779b97f4a7c15u;

	mixed ^= mixed >> 32;
	mixed ^= (key->slice | (uint64_t)key->stop << 32) + key->stop_class;
	mixed *= 0xd6e8feb86659fd93u;
	return (uint32_t)(mixed ^ mixed >> 32);
}

/* Its values are there, and 0. */
static int sample_append(struct profile *profile, const struct profile_sample *key)
{
	size_t n = profile->n_samples, n_values = profile->n_value_types;
	int r = n < INT32_MAX ? 0 : -E2BIG;

	if (!r)
		r = array_extend(&profile->samples, &profile->n_samples_allocated, n + 1,
			sizeof(*profile->samples));
	if (!r)
		r = array_extend(&profile->values, &profile->n_values_allocated, (n + 1) * n_values,
			sizeof(*profile->values));
	if (r < 0)
		return r;
	profile->samples[n] = *key;
	if (key->stop_class == PROFILE_STOP_COMPLETE)
		profile->samples[n].stop = 0;
	for (size_t i = 0; i < n_values; i++)
		profile->values[n * n_values + i] = 0;
	profile->n_samples++;
	return 0;
}

static int samples_index(struct profile *profile)
{
	size_t *at = &profile->n_samples_indexed;
	int r = 0;

	for (; r == 0 && *at < profile->n_samples; *at += r == 0)
		r = hash_add(&profile->sample_hash, sample_hash(&profile->samples[*at]),
			(uint32_t)*at + 1);
	return r;
}

static void values_add(struct profile *profile, size_t sample, const int64_t *values)
{
	int64_t *row = profile->values + sample * profile->n_value_types;

	for (size_t i = 0; i < profile->n_value_types; i++)
		row[i] = profile_value_add(row[i], values[i]);
}

int profile_append_sample(
	struct profile *profile, const struct profile_sample *key, const int64_t *values)
{
	int r = sample_append(profile, key);

	assert(!profile->is_sealed && profile->n_value_types);
	if (r == 0)
		values_add(profile, profile->n_samples - 1, values);
	return r;
}

int profile_add_sample(
	struct profile *profile, const struct profile_sample *key, const int64_t *values)
{
	struct profile_sample sample = *key;
	uint32_t hash, id;
	int r = samples_index(profile);

	assert(!profile->is_sealed && profile->n_value_types);
	if (r < 0)
		return r;
	if (sample.stop_class == PROFILE_STOP_COMPLETE)
		sample.stop = 0;
	hash = sample_hash(&sample);
	id = hash_find(&profile->sample_hash, hash, sample_is_equal, profile, &sample);
	if (!id) {
		r = sample_append(profile, &sample);
		if (r < 0)
			return r;
		id = (uint32_t)profile->n_samples;
		r = hash_add(&profile->sample_hash, hash, id);
		if (r < 0)
			return r;
		profile->n_samples_indexed = id;
	}
	values_add(profile, id - 1, values);
	return 0;
}

size_t profile_bytes(const struct profile *profile)
{
	struct profile *p = (struct profile *)profile;
	const struct table tables[] = {MAPPINGS(p), FUNCTIONS(p), FRAMES(p), STACKS(p),
		PROCESSES(p), THREADS(p), SAMPLES(p)};
	const struct intern *strings = &profile->strings;
	size_t n_slots = strings->hash.n_slots;
	size_t bytes = sizeof(*profile) + strings->n_bytes_allocated +
		strings->n_allocated * sizeof(*strings->offsets) +
		profile->n_lines_allocated * sizeof(*profile->lines) +
		profile->n_values_allocated * sizeof(*profile->values) +
		profile->n_runs_allocated * sizeof(*profile->runs);

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		bytes += *tables[i].n_allocated * tables[i].item_size;
		n_slots += tables[i].hash->n_slots;
	}
	return bytes + n_slots * sizeof(struct hash_slot);
}

void profile_forget_samples(struct profile *profile)
{
	hash_clear(&profile->sample_hash);
}

void profile_seal(struct profile *profile)
{
	profile->is_sealed = true;
	hash_done(&profile->strings.hash);
	hash_done(&profile->mapping_hash);
	hash_done(&profile->function_hash);
	hash_done(&profile->frame_hash);
	hash_done(&profile->stack_hash);
	hash_done(&profile->process_hash);
	hash_done(&profile->thread_hash);
	hash_done(&profile->sample_hash);
}
