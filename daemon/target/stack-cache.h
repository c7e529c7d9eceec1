/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which stack of a profile raw frames are: those met lately. */

#include <stddef.h>
#include <stdint.h>

struct stack_cache {
	struct steps_group *groups; /* within `steps` */
	void *steps;
	struct known_callers *callers;
};

/* Empty. 0 or -ENOMEM. */
int stack_cache_init(struct stack_cache *cache);
void stack_cache_done(struct stack_cache *cache);

/*
 * The stack that is `raw` on top of `parent`. 0: not known. `at` goes with the parent, so that where this
 * is kept need not wait for the parent to be found; it may be the parent itself.
 */
uint32_t stack_cache_find(
	const struct stack_cache *cache, uint32_t at, uint32_t parent, uint64_t raw);
void stack_cache_put(
	struct stack_cache *cache, uint32_t at, uint32_t parent, uint64_t raw, uint32_t stack);

/* The stack that callers (struct sample) with a number and a place are on top of `root`. 0: not known. */
struct stack_callers {
	uint64_t number; /* 0: nothing is here */
	uint32_t place, root;
};

uint32_t stack_cache_find_callers(
	const struct stack_cache *cache, const struct stack_callers *callers);
void stack_cache_put_callers(
	struct stack_cache *cache, const struct stack_callers *callers, uint32_t stack);

/* A leaf on top of the callers with a place will be looked for soon. */
void stack_cache_expect(const struct stack_cache *cache, uint32_t place, uint64_t leaf);
