/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which stack of a profile raw frames are: those met lately. */

#include <stddef.h>
#include <stdint.h>

/* The callers that are known as a whole have no more frames. */
#define STACK_CALLERS_MAX 30

/* Raw frames, leaf first: the kernel's lie on top of the user's. */
struct stack_frames {
	const uint64_t *kernel, *user;
	size_t n_kernel, n_user;
};

struct stack_cache {
	struct stack_step *steps;
	struct stack_callers *callers;
	struct stack_step
		*leaf; /* where the one on top of the callers looked for last is kept, or NULL */
};

/* Empty. 0 or -ENOMEM. */
int stack_cache_init(struct stack_cache *cache);
void stack_cache_done(struct stack_cache *cache);

/* The stack that is `raw` on top of `parent`. 0: not known. */
uint32_t stack_cache_find(const struct stack_cache *cache, uint32_t parent, uint64_t raw);
void stack_cache_put(struct stack_cache *cache, uint32_t parent, uint64_t raw, uint32_t stack);

/* The stack that is all these frames on top of `root`. 0: not known. `leaf`: what will be looked for on
 * top of it, by the two functions below. */
uint32_t stack_cache_find_callers(struct stack_cache *cache, uint32_t root,
	const struct stack_frames *callers, uint64_t leaf);
/* As stack_cache_find and _put, of the leaf on top of the callers that were looked for last. */
uint32_t stack_cache_find_leaf(const struct stack_cache *cache, uint32_t parent, uint64_t raw);
void stack_cache_put_leaf(struct stack_cache *cache, uint32_t parent, uint64_t raw, uint32_t stack);
/* Does nothing where there are too many of them. */
void stack_cache_put_callers(struct stack_cache *cache, uint32_t root,
	const struct stack_frames *callers, uint32_t stack);
