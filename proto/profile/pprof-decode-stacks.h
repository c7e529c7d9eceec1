/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Lists of frames into stacks and samples of a profile, quickly where they come in order. */

#include "proto/profile/profile.h"

/* The stack at hand, and the one before. */
struct pprof_stacks {
	uint32_t *frames; /* of the one at hand, leaf first */
	size_t n_frames, n_frames_allocated;
	uint32_t *last, *last_stacks; /* the one before, root first, and the stack at each frame */
	size_t n_last, n_last_allocated, n_last_stacks_allocated;
	bool is_unordered; /* a stack was not behind the one before it */
	bool has_unordered_samples;
};

enum { PPROF_STACK_TOO_DEEP = 1 };

/* Adds a frame to the stack at hand. 0, -ENOMEM, or PPROF_STACK_TOO_DEEP. */
int pprof_stacks_push(struct pprof_stacks *stacks, uint32_t frame);

/* Adds the stack at hand to the profile, and begins the next. 0, -ENOMEM or -E2BIG. */
int pprof_stacks_pop(struct pprof_stacks *stacks, struct profile *profile, uint32_t *ret_stack);

/* As profile_add_sample(), of the stack that was popped last. */
int pprof_stacks_add_sample(struct pprof_stacks *stacks, struct profile *profile,
	const struct profile_sample *key, const int64_t *values);

void pprof_stacks_done(struct pprof_stacks *stacks);
