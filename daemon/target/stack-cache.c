/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Programs come by the same callers again and again, and differ in the address at which the innermost
 * function is met. The kernel side tells which callers are equal: they are looked up at once, by their
 * number; where that is not known, each step from a caller to its callee is. Both tables are of fixed
 * size, where what is new takes the place of something old: of steps, the oldest of four that share a
 * line of the processor's cache, so that it costs one look whether they are four or one. What was
 * forgotten is found by the profile's own index, so that only speed hangs on all this.
 */

#include "daemon/target/stack-cache.h"

#include <errno.h>
#include <stdlib.h>

/* 512 and 384 KiB for each recording, of which only what is used is there. */
#define GROUPS_BITS 13
#define CALLERS_SLOTS 16384
#define LINE_BYTES 64

struct stack_step {
	uint64_t raw;
	uint32_t parent, stack; /* stack 0: nothing is here */
};

#define GROUP_STEPS (LINE_BYTES / sizeof(struct stack_step))

struct steps_group {
	struct stack_step steps[GROUP_STEPS]; /* the newest first */
};

struct known_callers {
	struct stack_callers key;
	uint32_t stack;
};

int stack_cache_init(struct stack_cache *cache)
{
	*cache = (struct stack_cache){
		.steps = calloc((1u << GROUPS_BITS) + 1, sizeof(*cache->groups)),
		.callers = calloc(CALLERS_SLOTS, sizeof(*cache->callers)),
	};
	/* Zeroed memory comes for nothing as long as it is not used; at the beginning of a line it does not. */
	cache->groups = (void *)(((uintptr_t)cache->steps + LINE_BYTES - 1) & ~(LINE_BYTES - 1ul));
	return cache->steps && cache->callers ? 0 : -ENOMEM;
}

void stack_cache_done(struct stack_cache *cache)
{
	free(cache->steps);
	free(cache->callers);
	*cache = (struct stack_cache){};
}

static struct stack_step *steps_of(const struct stack_cache *cache, uint32_t at, uint64_t raw)
{
	uint64_t mixed = (raw ^ (uint64_t)at << 32) * 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ mixed >> 32 ^ at) * 0xd6e8feb86659fd93u;
	return cache->groups[mixed >> (64 - GROUPS_BITS)].steps;
}

uint32_t stack_cache_find(
	const struct stack_cache *cache, uint32_t at, uint32_t parent, uint64_t raw)
{
	const struct stack_step *steps = steps_of(cache, at, raw);

	for (size_t i = 0; i < GROUP_STEPS; i++)
		if (steps[i].raw == raw && steps[i].parent == parent)
			return steps[i].stack;
	return 0;
}

void stack_cache_put(
	struct stack_cache *cache, uint32_t at, uint32_t parent, uint64_t raw, uint32_t stack)
{
	struct stack_step *steps = steps_of(cache, at, raw);

	for (size_t i = GROUP_STEPS - 1; i; i--)
		steps[i] = steps[i - 1];
	steps[0] = (struct stack_step){.raw = raw, .parent = parent, .stack = stack};
}

uint32_t stack_cache_find_callers(
	const struct stack_cache *cache, const struct stack_callers *callers)
{
	const struct known_callers *known = &cache->callers[callers->place % CALLERS_SLOTS];

	return known->key.number == callers->number && known->key.root == callers->root
		? known->stack
		: 0;
}

void stack_cache_put_callers(
	struct stack_cache *cache, const struct stack_callers *callers, uint32_t stack)
{
	cache->callers[callers->place % CALLERS_SLOTS] = (struct known_callers){*callers, stack};
}

void stack_cache_expect(const struct stack_cache *cache, uint32_t place, uint64_t leaf)
{
	__builtin_prefetch(steps_of(cache, place, leaf));
	__builtin_prefetch(&cache->callers[place % CALLERS_SLOTS]);
}
