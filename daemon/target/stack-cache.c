/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One stack begins as the one before it did: that part costs one comparison a frame. Behind it each
 * step is looked up in a table of fixed size, where a new step takes the place of an old one. What
 * was forgotten is found by the profile's own index, so that only speed hangs on all this.
 * Invariant: path[i + 1].parent is path[i].stack, unless that is nothing.
 */

#include "daemon/target/stack-cache.h"

#include <errno.h>
#include <stdlib.h>

/* 256 KiB for each recording. */
#define STEPS_BITS 14

int stack_cache_init(struct stack_cache *cache)
{
	cache->steps = calloc(1u << STEPS_BITS, sizeof(*cache->steps));
	return cache->steps ? 0 : -ENOMEM;
}

void stack_cache_done(struct stack_cache *cache)
{
	free(cache->steps);
	*cache = (struct stack_cache){};
}

static struct stack_step *slot(const struct stack_cache *cache, uint32_t parent, uint64_t raw)
{
	uint64_t mixed = (raw ^ (uint64_t)parent << 32) * 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ mixed >> 32 ^ parent) * 0xd6e8feb86659fd93u;
	return &cache->steps[mixed >> (64 - STEPS_BITS)];
}

void stack_cache_begin(struct stack_cache *cache)
{
	cache->n_added = 0;
	cache->n_common = 0;
}

/* The stack being added leaves the path here, or goes on beyond its end. */
static void path_set(struct stack_cache *cache, size_t i, const struct stack_step *step)
{
	if (i >= STACK_PATH_MAX)
		return;
	cache->path[i] = *step;
	cache->n_path = i + 1;
}

uint32_t stack_cache_find(struct stack_cache *cache, uint32_t parent, uint64_t raw)
{
	size_t i = cache->n_added++;
	const struct stack_step *step;

	if (i == cache->n_common && i < cache->n_path && cache->path[i].raw == raw &&
		cache->path[i].stack) {
		cache->n_common++;
		return cache->path[i].stack;
	}
	step = slot(cache, parent, raw);
	if (step->raw != raw || step->parent != parent)
		return 0;
	if (step->stack)
		path_set(cache, i, step);
	return step->stack;
}

void stack_cache_skip(struct stack_cache *cache)
{
	static const struct stack_step nothing = {};

	path_set(cache, cache->n_added++, &nothing);
}

void stack_cache_put(struct stack_cache *cache, uint32_t parent, uint64_t raw, uint32_t stack)
{
	const struct stack_step step = {.raw = raw, .parent = parent, .stack = stack};

	*slot(cache, parent, raw) = step;
	path_set(cache, cache->n_added - 1, &step);
}
