/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Nodes into preorder without recursion and without comparing names more than once: each text gets
 * its place in the alphabet, two counting sorts put the nodes in order of (parent, place), and since
 * a parent comes before its children, one pass over that order knows where each node goes.
 */

#include "proto/profile/tree-layout.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"

struct text_place {
	const char *text;
	uint32_t id;
};

static int text_compare(const void *a, const void *b)
{
	return strcmp(((const struct text_place *)a)->text, ((const struct text_place *)b)->text);
}

/* For each text of the tree, its place in the sorted order. */
static uint32_t *places_new(const struct intern *strings)
{
	CLEANUP(freep) struct text_place *sorted = calloc(strings->n, sizeof(*sorted));
	CLEANUP(freep) uint32_t *places = calloc(strings->n, sizeof(*places));

	if (!sorted || !places)
		return NULL;
	for (size_t i = 0; i < strings->n; i++)
		sorted[i] = (struct text_place){intern_text(strings, (uint32_t)i), (uint32_t)i};
	qsort(sorted, strings->n, sizeof(*sorted), text_compare);
	for (size_t i = 0; i < strings->n; i++)
		places[sorted[i].id] = (uint32_t)i;
	return TAKE(places);
}

/* Stably moves n items of `in` to `out`, by keys[item] < n_keys. */
static int counting_sort(
	const uint32_t *in, uint32_t *out, size_t n, const uint32_t *keys, size_t n_keys)
{
	CLEANUP(freep) uint32_t *begins = calloc(n_keys + 1, sizeof(*begins));

	if (!begins)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		begins[keys[in[i]] + 1]++;
	for (size_t i = 0; i < n_keys; i++)
		begins[i + 1] += begins[i];
	for (size_t i = 0; i < n; i++)
		out[begins[keys[in[i]]]++] = in[i];
	return 0;
}

/* All nodes but the root, by parent and then by name. */
static int nodes_sort(const struct tree *tree, uint32_t *order)
{
	CLEANUP(freep) uint32_t *places = places_new(&tree->strings);
	CLEANUP(freep) uint32_t *by_name = calloc(tree->n_nodes, sizeof(*by_name));
	CLEANUP(freep) uint32_t *keys = calloc(tree->n_nodes, sizeof(*keys));
	size_t n = tree->n_nodes - 1;
	int r;

	if (!places || !by_name || !keys)
		return -ENOMEM;
	for (size_t i = 1; i <= n; i++) {
		order[i - 1] = (uint32_t)i;
		keys[i] = places[tree->nodes[i].name];
	}
	r = counting_sort(order, by_name, n, keys, tree->strings.n);
	if (r < 0)
		return r;
	for (size_t i = 1; i <= n; i++)
		keys[i] = tree->nodes[i].parent;
	return counting_sort(by_name, order, n, keys, tree->n_nodes);
}

static void sums_make(struct tree *tree)
{
	for (size_t i = 0; i < tree->n_nodes; i++) {
		tree->nodes[i].value = tree->nodes[i].self;
		tree->nodes[i].n_descendants = 0;
	}
	for (size_t i = tree->n_nodes; i-- > 1;) {
		const struct tree_node *node = &tree->nodes[i];
		struct tree_node *parent = &tree->nodes[node->parent];

		parent->value = profile_value_add(parent->value, node->value);
		parent->other = profile_value_add(parent->other, node->other);
		parent->n_descendants += node->n_descendants + 1;
		if (node->depth > tree->max_depth)
			tree->max_depth = node->depth;
	}
}

/* Gives each node its start and its position in preorder. */
static void nodes_place(struct tree *tree, const uint32_t *order, uint32_t *positions)
{
	uint32_t parent = 0, next = 1;
	int64_t start = 0;

	for (size_t i = 0; i + 1 < tree->n_nodes; i++) {
		struct tree_node *node = &tree->nodes[order[i]];

		if (node->parent != parent) {
			parent = node->parent;
			next = positions[parent] + 1;
			start = tree->nodes[parent].start;
		}
		positions[order[i]] = next;
		node->start = start;
		next += node->n_descendants + 1;
		start = profile_value_add(start, node->value);
	}
}

int tree_layout(struct tree *tree)
{
	CLEANUP(freep) uint32_t *order = calloc(tree->n_nodes, sizeof(*order));
	CLEANUP(freep) uint32_t *positions = calloc(tree->n_nodes, sizeof(*positions));
	CLEANUP(freep) struct tree_node *nodes = calloc(tree->n_nodes, sizeof(*nodes));
	int r;

	if (!order || !positions || !nodes)
		return -ENOMEM;
	r = nodes_sort(tree, order);
	if (r < 0)
		return r;
	sums_make(tree);
	nodes_place(tree, order, positions);
	for (size_t i = 0; i < tree->n_nodes; i++) {
		nodes[positions[i]] = tree->nodes[i];
		nodes[positions[i]].parent = positions[tree->nodes[i].parent];
	}
	free(tree->nodes);
	tree->nodes = TAKE(nodes);
	tree->n_nodes_allocated = tree->n_nodes;
	return 0;
}
