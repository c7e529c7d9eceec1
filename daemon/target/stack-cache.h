/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which stack of a profile a raw frame on top of another stack is: those met lately. */

#include <stddef.h>
#include <stdint.h>

#include "daemon/capture/sample.h"

#define STACK_PATH_MAX (ABI_KERNEL_FRAMES_MAX + ABI_USER_FRAMES_MAX)

struct stack_step {
	uint64_t raw;
	uint32_t parent, stack; /* stack 0: nothing is here */
};

struct stack_cache {
	struct stack_step *steps;
	/* The stack added last, from its root on. */
	struct stack_step path[STACK_PATH_MAX];
	size_t n_path;
	/* Of the stack being added: where it stands, and how far it is as the path. */
	size_t n_added, n_common;
};

/* Empty. 0 or -ENOMEM. */
int stack_cache_init(struct stack_cache *cache);
void stack_cache_done(struct stack_cache *cache);

/* A stack begins, at its root: each of its frames is one _find and, where that gives 0, one _put. */
void stack_cache_begin(struct stack_cache *cache);
/* The stack that is `raw` on top of `parent`, the step before (0 at first). 0: not known. */
uint32_t stack_cache_find(struct stack_cache *cache, uint32_t parent, uint64_t raw);
/* In place of both, for a frame of which more than `raw` decides what it is. */
void stack_cache_skip(struct stack_cache *cache);
void stack_cache_put(struct stack_cache *cache, uint32_t parent, uint64_t raw, uint32_t stack);
