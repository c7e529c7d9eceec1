/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proto/profile/profile.h"

/* A directory as recorded, and what stands in its place; slashes at their ends mean nothing. Borrowed. */
struct path_substitution {
	const char *from; /* of from_size bytes */
	size_t from_size;
	const char *to;
};

/*
 * Copies samples of one profile into another, with all that they refer to and nothing else. Ids are
 * translated once each; 0 is 0.
 */
struct copy {
	const struct profile *from;
	struct profile *into; /* not sealed */
	uint32_t *strings, *mappings, *functions, *frames, *stacks, *processes, *threads;
	/* The first one whose directory a source file is in, whole parts of the path, replaces it. Set
	 * between init and the first sample; none: files as they are. */
	const struct path_substitution *substitutions;
	size_t n_substitutions;
	size_t types[PROFILE_VALUES_MAX]; /* value type of `into` -> of `from` */
};

/* What copy_init found: `into` has value types, and they are not the same set. */
enum { COPY_TYPES_DIFFER = 1 };

/* Value types of an empty `into` become those of `from`. 0, -ENOMEM or COPY_TYPES_DIFFER. */
int copy_init(struct copy *copy, struct profile *into, const struct profile *from);
void copy_done(struct copy *copy);

/* 0, -ENOMEM or -E2BIG. */
int copy_string(struct copy *copy, uint32_t id, uint32_t *ret_id);

/* Adds sample i, `n_slices` later (or earlier, if below 0). */
int copy_sample(struct copy *copy, size_t i, int64_t n_slices);

/* For samples that get other values: copy_sample_as() adds those, as many as `into` has types.
 * 0 or -ENOMEM. */
int copy_init_untyped(struct copy *copy, struct profile *into, const struct profile *from);
int copy_sample_as(struct copy *copy, size_t i, int64_t n_slices, const int64_t *values);
