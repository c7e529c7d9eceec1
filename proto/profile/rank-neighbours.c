/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who calls a function, or whom it calls. Stacks with the function are the whole; a neighbour counts
 * once per stack, whatever recursion does, so that rows may add up to more than the whole where a
 * function recurs. Where nobody called it, it has the neighbour "[nobody: a root]"; where it called
 * nobody, it was running itself: "[self]". Self is what the neighbour spent as the leaf itself.
 */

#include "proto/profile/rank-rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"

struct neighbour {
	uint32_t stamp; /* the last stack that it was seen on */
	int64_t self, total;
	uint32_t frame, line; /* of the first sight: for module and file */
};

/* Indexed by the string of its name; the last is no function. */
struct walk {
	const struct profile *profile;
	struct ranking *ranking;
	struct neighbour *neighbours;
	size_t n;
	int64_t value; /* of the stack at hand */
	uint32_t stack, leaf_name;
	bool has_function;
};

static void walk_done(struct walk *walk)
{
	free(walk->neighbours);
}

static void neighbour_count(struct walk *walk, size_t name, uint32_t frame, uint32_t line)
{
	struct neighbour *neighbour = &walk->neighbours[name];

	if (neighbour->stamp == walk->stack)
		return;
	if (!neighbour->stamp) {
		neighbour->frame = frame;
		neighbour->line = line;
	}
	neighbour->stamp = walk->stack;
	neighbour->total = profile_value_add(neighbour->total, walk->value);
	if (name == walk->leaf_name && name != walk->n - 1)
		neighbour->self = profile_value_add(neighbour->self, walk->value);
}

static uint32_t name_of(const struct profile *profile, uint32_t frame, uint32_t line)
{
	const struct profile_frame *at = &profile->frames[frame];

	return at->n_lines ? profile->functions[profile->lines[at->first_line + line].function].name
			   : 0;
}

/* Goes from the leaf to the root; `name` is what stands there, `inner` what stood before it. */
static void stack_walk(struct walk *walk)
{
	const struct profile *profile = walk->profile;
	uint32_t function = walk->ranking->options.function, inner_frame = 0, inner_line = 0;
	bool is_callees = walk->ranking->options.by == RANK_BY_CALLEE;
	size_t inner = walk->n - 1;

	walk->has_function = false;
	walk->leaf_name = name_of(profile, profile->stacks[walk->stack].frame, 0);
	for (uint32_t at = walk->stack; at; at = profile->stacks[at].parent) {
		uint32_t frame = profile->stacks[at].frame, n = profile->frames[frame].n_lines;

		for (uint32_t line = 0; line < (n ? n : 1); line++) {
			uint32_t name = name_of(profile, frame, line);

			if (is_callees && name == function)
				neighbour_count(walk, inner, inner_frame, inner_line);
			if (!is_callees && inner == function)
				neighbour_count(walk, name, frame, line);
			walk->has_function |= name == function;
			inner = name;
			inner_frame = frame;
			inner_line = line;
		}
	}
	if (!is_callees && inner == function)
		neighbour_count(walk, walk->n - 1, 0, 0);
}

static struct rank_row row_make(const struct walk *walk, size_t name, const char *nobody)
{
	const struct profile *profile = walk->profile;
	const struct neighbour *neighbour = &walk->neighbours[name];
	const struct profile_frame *frame = &profile->frames[neighbour->frame];
	struct rank_row row = {.self = neighbour->self, .total = neighbour->total};
	const struct profile_function *function;

	if (name == walk->n - 1) {
		row.label = nobody;
		row.kind = PROFILE_FRAME_MARKER;
		return row;
	}
	row.name = (uint32_t)name;
	row.module = profile->mappings[frame->mapping].path;
	row.kind = frame->kind;
	if (!frame->n_lines)
		return row;
	function =
		&profile->functions[profile->lines[frame->first_line + neighbour->line].function];
	row.file = function->file;
	row.line = function->start_line;
	row.is_inlined = neighbour->line + 1 < frame->n_lines;
	return row;
}

static int rows_make(struct walk *walk)
{
	struct ranking *ranking = walk->ranking;
	const char *nobody = ranking->options.by == RANK_BY_CALLEE ? "[self]" : "[nobody: a root]";

	ranking->rows = calloc(walk->n, sizeof(*ranking->rows));
	if (!ranking->rows)
		return -ENOMEM;
	for (size_t i = 0; i < walk->n; i++)
		if (walk->neighbours[i].total > 0)
			ranking->rows[ranking->n_rows++] = row_make(walk, i, nobody);
	rank_rows_sort(walk->profile, ranking);
	return 0;
}

int rank_neighbours(const struct profile *profile, struct ranking *ranking)
{
	CLEANUP(walk_done)
	struct walk walk = {.profile = profile, .ranking = ranking, .n = profile->strings.n + 1};
	CLEANUP(freep) int64_t *values = calloc(profile->n_stacks, sizeof(*values));
	CLEANUP(freep) int64_t *counts = calloc(profile->n_stacks, sizeof(*counts));

	walk.neighbours = calloc(walk.n, sizeof(*walk.neighbours));
	if (!walk.neighbours || !values || !counts)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_samples; i++) {
		uint32_t stack = profile->samples[i].stack;
		int64_t value = profile_value(profile, i, ranking->options.value_type);

		if (value <= 0)
			continue;
		values[stack] = profile_value_add(values[stack], value);
		counts[stack] = profile_value_add(counts[stack], profile_value(profile, i, 0));
	}
	for (uint32_t i = 1; i < profile->n_stacks; i++) {
		if (!values[i])
			continue;
		walk.stack = i;
		walk.value = values[i];
		stack_walk(&walk);
		if (!walk.has_function)
			continue;
		ranking->whole = profile_value_add(ranking->whole, values[i]);
		ranking->n_samples = profile_value_add(ranking->n_samples, counts[i]);
	}
	return rows_make(&walk);
}
