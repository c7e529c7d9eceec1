/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Programs come by the same callers again and again, and differ in the address at which the innermost
 * function is met. So all callers of a sample are looked up at once, by a hash of them, and compared
 * with what is stored; where they are not known, each step from a caller to its callee is looked up.
 * Both tables are of fixed size, where what is new takes the place of something old. What was
 * forgotten is found by the profile's own index, so that only speed hangs on all this.
 */

#include "daemon/target/stack-cache.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* 512 KiB and 1 MiB for each recording, of which only what is used is there. */
#define STEPS_BITS 15
#define CALLERS_BITS 12

struct stack_step {
	uint64_t raw;
	uint32_t parent, stack; /* stack 0: nothing is here */
};

struct stack_callers {
	uint32_t root, stack; /* stack 0: nothing is here */
	size_t n;
	uint64_t raw[STACK_CALLERS_MAX]; /* the kernel's, then the user's */
};

int stack_cache_init(struct stack_cache *cache)
{
	*cache = (struct stack_cache){
		.steps = calloc(1u << STEPS_BITS, sizeof(*cache->steps)),
		.callers = calloc(1u << CALLERS_BITS, sizeof(*cache->callers)),
	};
	return cache->steps && cache->callers ? 0 : -ENOMEM;
}

void stack_cache_done(struct stack_cache *cache)
{
	free(cache->steps);
	free(cache->callers);
	*cache = (struct stack_cache){};
}

static struct stack_step *step_slot(const struct stack_cache *cache, uint32_t parent, uint64_t raw)
{
	uint64_t mixed = (raw ^ (uint64_t)parent << 32) * 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ mixed >> 32 ^ parent) * 0xd6e8feb86659fd93u;
	return &cache->steps[mixed >> (64 - STEPS_BITS)];
}

uint32_t stack_cache_find(const struct stack_cache *cache, uint32_t parent, uint64_t raw)
{
	const struct stack_step *step = step_slot(cache, parent, raw);

	return step->raw == raw && step->parent == parent ? step->stack : 0;
}

/* Which place it is in tells nothing: what stands there does. */
uint32_t stack_cache_find_leaf(const struct stack_cache *cache, uint32_t parent, uint64_t raw)
{
	const struct stack_step *step = cache->leaf;

	if (!step)
		return stack_cache_find(cache, parent, raw);
	return step->raw == raw && step->parent == parent ? step->stack : 0;
}

void stack_cache_put_leaf(struct stack_cache *cache, uint32_t parent, uint64_t raw, uint32_t stack)
{
	if (!cache->leaf)
		stack_cache_put(cache, parent, raw, stack);
	else
		*cache->leaf = (struct stack_step){.raw = raw, .parent = parent, .stack = stack};
}

void stack_cache_put(struct stack_cache *cache, uint32_t parent, uint64_t raw, uint32_t stack)
{
	*step_slot(cache, parent, raw) = (struct stack_step){
		.raw = raw, .parent = parent, .stack = stack};
}

/* Two chains, by turns: each waits for its own products only. */
struct mixed {
	uint64_t next, last;
};

static void mix(struct mixed *mixed, const uint64_t *raw, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t product = (mixed->next ^ raw[i]) * 0x9e3779b97f4a7c15u;

		mixed->next = mixed->last;
		mixed->last = product ^ product >> 32;
	}
}

static uint64_t callers_mix(uint32_t root, const struct stack_frames *callers)
{
	struct mixed mixed = {root, ~(uint64_t)root};

	mix(&mixed, callers->kernel, callers->n_kernel);
	mix(&mixed, callers->user, callers->n_user);
	return (mixed.last ^ mixed.next >> 7) * 0xd6e8feb86659fd93u + mixed.next;
}

static struct stack_callers *callers_slot(const struct stack_cache *cache, uint64_t mixed)
{
	return &cache->callers[mixed * 0xff51afd7ed558ccdu >> (64 - CALLERS_BITS)];
}

static bool fits(const struct stack_frames *callers)
{
	return callers->n_kernel + callers->n_user <= STACK_CALLERS_MAX;
}

static bool is_equal(const uint64_t *a, const uint64_t *b, size_t n)
{
	return !n || !memcmp(a, b, n * sizeof(*a));
}

/* Where a leaf on top of these callers is kept, and which lines of the cache both need: they are under
 * way at the same time. */
static void leaf_expect(struct stack_cache *cache, uint64_t mixed, uint64_t leaf)
{
	const char *slot = (const char *)callers_slot(cache, mixed);

	cache->leaf = step_slot(cache, (uint32_t)(mixed >> 32), leaf);
	__builtin_prefetch(cache->leaf);
	__builtin_prefetch(slot);
	__builtin_prefetch(slot + 64);
	__builtin_prefetch(slot + 128);
}

uint32_t stack_cache_find_callers(
	struct stack_cache *cache, uint32_t root, const struct stack_frames *callers, uint64_t leaf)
{
	const struct stack_callers *slot;
	uint64_t mixed;

	cache->leaf = NULL;
	if (!fits(callers))
		return 0;
	mixed = callers_mix(root, callers);
	leaf_expect(cache, mixed, leaf);
	slot = callers_slot(cache, mixed);
	if (slot->root == root && slot->n == callers->n_kernel + callers->n_user &&
		is_equal(slot->raw, callers->kernel, callers->n_kernel) &&
		is_equal(slot->raw + callers->n_kernel, callers->user, callers->n_user))
		return slot->stack;
	return 0;
}

void stack_cache_put_callers(struct stack_cache *cache, uint32_t root,
	const struct stack_frames *callers, uint32_t stack)
{
	struct stack_callers *slot;

	if (!fits(callers))
		return;
	slot = callers_slot(cache, callers_mix(root, callers));
	slot->root = root;
	slot->stack = stack;
	slot->n = callers->n_kernel + callers->n_user;
	for (size_t i = 0; i < callers->n_kernel; i++)
		slot->raw[i] = callers->kernel[i];
	for (size_t i = 0; i < callers->n_user; i++)
		slot->raw[callers->n_kernel + i] = callers->user[i];
}
