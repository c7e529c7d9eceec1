/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ranking works on numbers only. Each line of each frame is a place that belongs to a group (its
 * name, its module, or its position in the source), which is found once. Texts are looked at only to
 * put equal rows in order.
 *
 * Stacks are a tree. In files that we wrote their ids are in preorder: what stands on a stack are the
 * ids right behind it. Then one pass backwards sums up what stands on each, and one forwards gives
 * that to the stack's groups, but for those that a stack below had already: that is a range of ids,
 * and each group has to remember just its end. With ids in any other order each distinct stack is
 * walked, and a stamp tells that a group was seen on it already.
 */

#include "proto/profile/rank-rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/hash.h"

/* What a group's lines have in common; what does not matter to the ranking is 0. */
struct group_key {
	uint32_t name, file, line;
};

struct group {
	struct group_key key;
	uint32_t stamp; /* the last stack that it was seen on; in preorder, the first behind it */
	uint32_t place; /* the heaviest, which gives the row its module and file */
	int64_t self, total;
	double weight; /* of that place */
};

/* A line of a frame, or the frame itself by module and where it has no lines. */
struct place {
	uint32_t frame, line; /* line: 0 is the innermost */
};

struct counting {
	const struct profile *profile;
	struct rank_options options;
	struct place *places; /* innermost first, frame by frame */
	uint32_t *place_groups;
	uint32_t *begins; /* frame -> its first place; one more at the end */
	size_t n_places;
	struct group *groups; /* [0] is none */
	size_t n_groups;
	struct hash hash;
	int64_t *stack_values;
	double *frame_weights; /* sums over stacks, as often as the frame is on them */
};

static void counting_done(struct counting *counting)
{
	free(counting->places);
	free(counting->place_groups);
	free(counting->begins);
	free(counting->groups);
	hash_done(&counting->hash);
	free(counting->stack_values);
	free(counting->frame_weights);
}

static bool group_is_equal(const void *table, uint32_t id, const void *key)
{
	return !memcmp(&((const struct group *)table)[id].key, key, sizeof(struct group_key));
}

static struct profile_line line_of(const struct profile *profile, const struct place *place)
{
	const struct profile_frame *frame = &profile->frames[place->frame];

	return frame->n_lines ? profile->lines[frame->first_line + place->line]
			      : (struct profile_line){};
}

static struct group_key key_of(const struct counting *counting, const struct place *place)
{
	const struct profile *profile = counting->profile;
	struct profile_line line = line_of(profile, place);
	const struct profile_function *function = &profile->functions[line.function];
	uint32_t mapping = profile->frames[place->frame].mapping;

	switch (counting->options.by) {
	case RANK_BY_MODULE:
		return (struct group_key){.name = profile->mappings[mapping].path};
	case RANK_BY_LINE:
		return (struct group_key){function->name, function->file, line.line};
	default:
		return (struct group_key){.name = function->name};
	}
}

/* There is room for a group for each place. */
static int place_add(struct counting *counting, const struct place *place)
{
	struct group_key key = key_of(counting, place);
	uint32_t hash = hash_bytes(&key, sizeof(key));
	uint32_t group = hash_find(&counting->hash, hash, group_is_equal, counting->groups, &key);
	int r = 0;

	if (!group) {
		group = (uint32_t)counting->n_groups++;
		counting->groups[group].key = key;
		r = hash_add(&counting->hash, hash, group);
	}
	counting->places[counting->n_places] = *place;
	counting->place_groups[counting->n_places++] = group;
	return r;
}

static int places_make(struct counting *counting)
{
	const struct profile *profile = counting->profile;
	size_t n_max = profile->n_lines + profile->n_frames;

	counting->places = calloc(n_max, sizeof(*counting->places));
	counting->place_groups = calloc(n_max, sizeof(*counting->place_groups));
	counting->begins = calloc(profile->n_frames + 1, sizeof(*counting->begins));
	counting->groups = calloc(n_max + 1, sizeof(*counting->groups));
	if (!counting->places || !counting->place_groups || !counting->begins || !counting->groups)
		return -ENOMEM;
	counting->n_groups = 1;
	for (uint32_t i = 0; i < profile->n_frames; i++) {
		uint32_t n = profile->frames[i].n_lines;

		if (!n || counting->options.by == RANK_BY_MODULE)
			n = 1;
		counting->begins[i] = (uint32_t)counting->n_places;
		for (uint32_t line = 0; line < n; line++) {
			int r = place_add(counting, &(struct place){i, line});

			if (r < 0)
				return r;
		}
	}
	counting->begins[profile->n_frames] = (uint32_t)counting->n_places;
	return 0;
}

/* Sums the samples by stack, so that each stack is walked once. */
static int stacks_weigh(struct counting *counting, struct ranking *ranking)
{
	const struct profile *profile = counting->profile;

	counting->stack_values = calloc(profile->n_stacks, sizeof(*counting->stack_values));
	counting->frame_weights = calloc(profile->n_frames, sizeof(*counting->frame_weights));
	if (!counting->stack_values || !counting->frame_weights)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_samples; i++) {
		int64_t value = profile_value(profile, i, counting->options.value_type);
		int64_t count = profile_value(profile, i, 0);
		int64_t *sum = &counting->stack_values[profile->samples[i].stack];

		if (value <= 0)
			continue;
		*sum = profile_value_add(*sum, value);
		ranking->whole = profile_value_add(ranking->whole, value);
		if (count > 0)
			ranking->n_samples = profile_value_add(ranking->n_samples, count);
	}
	return 0;
}

static void stack_count(struct counting *counting, uint32_t stack)
{
	const struct profile_stack *stacks = counting->profile->stacks;
	int64_t value = counting->stack_values[stack];
	uint32_t leaf = counting->begins[stacks[stack].frame];
	struct group *self = &counting->groups[counting->place_groups[leaf]];

	self->self = profile_value_add(self->self, value);
	for (uint32_t at = stack; at; at = stacks[at].parent) {
		uint32_t frame = stacks[at].frame;

		counting->frame_weights[frame] += (double)value;
		for (uint32_t i = counting->begins[frame]; i < counting->begins[frame + 1]; i++) {
			struct group *group = &counting->groups[counting->place_groups[i]];

			if (group->stamp == stack)
				continue;
			group->stamp = stack;
			group->total = profile_value_add(group->total, value);
		}
	}
}

/* Sums of what stands on each stack, itself included, and how many ids these are. Are they a range
 * for each? */
static bool subtrees_sum(const struct profile *profile, int64_t *sums, uint32_t *sizes)
{
	const struct profile_stack *stacks = profile->stacks;
	bool is_preorder = true;

	for (size_t i = profile->n_stacks; i-- > 1;) {
		uint32_t parent = stacks[i].parent;

		sizes[i]++;
		sizes[parent] += sizes[i];
		sums[parent] = profile_value_add(sums[parent], sums[i]);
	}
	sizes[0] = (uint32_t)profile->n_stacks;
	for (size_t i = 1; is_preorder && i < profile->n_stacks; i++)
		is_preorder = i + sizes[i] <= stacks[i].parent + (size_t)sizes[stacks[i].parent];
	return is_preorder;
}

/* Where ids are in preorder. */
static void tree_count(struct counting *counting, const int64_t *sums, const uint32_t *sizes)
{
	const struct profile *profile = counting->profile;

	for (uint32_t stack = 1; stack < profile->n_stacks; stack++) {
		uint32_t frame = profile->stacks[stack].frame, i = counting->begins[frame];
		struct group *self = &counting->groups[counting->place_groups[i]];

		self->self = profile_value_add(self->self, counting->stack_values[stack]);
		counting->frame_weights[frame] += (double)sums[stack];
		for (; i < counting->begins[frame + 1]; i++) {
			struct group *group = &counting->groups[counting->place_groups[i]];

			if (stack < group->stamp)
				continue;
			group->stamp = stack + sizes[stack];
			group->total = profile_value_add(group->total, sums[stack]);
		}
	}
}

static int stacks_count(struct counting *counting)
{
	const struct profile *profile = counting->profile;
	size_t n = profile->n_stacks;
	CLEANUP(freep) int64_t *sums = calloc(n, sizeof(*sums));
	CLEANUP(freep) uint32_t *sizes = calloc(n, sizeof(*sizes));

	if (!sums || !sizes)
		return -ENOMEM;
	memcpy(sums, counting->stack_values, n * sizeof(*sums));
	if (subtrees_sum(profile, sums, sizes)) {
		tree_count(counting, sums, sizes);
		return 0;
	}
	for (size_t i = 1; i < n; i++)
		if (counting->stack_values[i])
			stack_count(counting, (uint32_t)i);
	return 0;
}

static void heaviest_find(struct counting *counting)
{
	for (size_t i = 0; i < counting->n_places; i++) {
		double weight = counting->frame_weights[counting->places[i].frame];
		struct group *group = &counting->groups[counting->place_groups[i]];

		if (weight <= group->weight)
			continue;
		group->weight = weight;
		group->place = (uint32_t)i;
	}
}

static struct rank_row row_make(const struct counting *counting, const struct group *group)
{
	const struct profile *profile = counting->profile;
	const struct place *place = &counting->places[group->place];
	const struct profile_frame *frame = &profile->frames[place->frame];
	struct profile_line line = line_of(profile, place);
	const struct profile_function *function = &profile->functions[line.function];
	struct rank_row row = {
		.name = group->key.name,
		.module = profile->mappings[frame->mapping].path,
		.kind = frame->kind,
		.self = group->self,
		.total = group->total,
	};

	if (counting->options.by == RANK_BY_MODULE)
		return row;
	row.file = function->file;
	row.line = counting->options.by == RANK_BY_LINE ? line.line : function->start_line;
	row.is_inlined = place->line + 1 < frame->n_lines;
	return row;
}

static int rows_make(struct counting *counting, struct ranking *ranking)
{
	ranking->rows = calloc(counting->n_groups, sizeof(*ranking->rows));
	if (!ranking->rows)
		return -ENOMEM;
	for (size_t i = 1; i < counting->n_groups; i++)
		if (counting->groups[i].total > 0)
			ranking->rows[ranking->n_rows++] = row_make(counting, &counting->groups[i]);
	rank_rows_sort(counting->profile, ranking);
	return 0;
}

int rank_places(const struct profile *profile, struct ranking *ranking)
{
	CLEANUP(counting_done)
	struct counting counting = {.profile = profile, .options = ranking->options};
	int r;

	r = places_make(&counting);
	if (r < 0)
		return r;
	r = stacks_weigh(&counting, ranking);
	if (r < 0)
		return r;
	r = stacks_count(&counting);
	if (r < 0)
		return r;
	heaviest_find(&counting);
	return rows_make(&counting, ranking);
}
