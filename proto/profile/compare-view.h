/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Profiles under one numbering of functions; shared by the compare-*.c and by nobody else. */

#include "proto/profile/compare.h"

/* The functions of both sides, under one numbering: id 0 is none. */
struct series_names {
	struct intern texts;
	const char **modules, **files; /* by id: the profiles' strings */
	uint32_t *lines;
	size_t n_allocated[3];
	struct intern changed; /* modules with more than one build-id: "module" */
};

/* One profile. */
struct view {
	const struct profile *profile;
	uint32_t *line_functions, *frame_functions; /* the latter of frames without lines */
	uint32_t *leaves; /* by sample: the function that was running; 0 where there is no stack */
	int times; /* value type, or -1 */
};

/* For looking at whole stacks. */
struct view_walk {
	uint32_t *stamps, *found; /* by function; of the stack at hand */
	uint32_t stamp;
};

int series_names_init(struct series_names *names, const struct compare_side sides[COMPARE_SIDES]);
void series_names_done(struct series_names *names);

/* Gives names to all functions of a profile. 0 or -ENOMEM. */
int view_init(struct view *view, const struct profile *profile, struct series_names *names);
void view_done(struct view *view);

/* Who calls the leaf of a sample, or 0. */
uint32_t view_caller(const struct view *view, size_t sample);

/* When all names are there. 0 or -ENOMEM. */
int view_walk_init(struct view_walk *walk, const struct series_names *names);
void view_walk_done(struct view_walk *walk);

/* The functions on the stack of a sample, each once, into walk->found; how many. */
size_t view_find(const struct view *view, struct view_walk *walk, size_t sample);
