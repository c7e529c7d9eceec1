// SPDX-License-Identifier: GPL-2.0-or-later
/* The hottest stacks in words: how the program gets to where the time goes. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/report-parts.h"
#include "proto/base/cleanup.h"
#include "proto/profile/tree.h"

#define FRAMES_MAX 14 /* of a stack that is shown; the middle gives way */
#define FRAMES_OUTER 4

static int node_compare(const void *a, const void *b, void *userdata)
{
	const struct tree *tree = userdata;
	size_t left = *(const size_t *)a, right = *(const size_t *)b;

	if (tree->nodes[left].self != tree->nodes[right].self)
		return tree->nodes[left].self > tree->nodes[right].self ? -1 : 1;
	return left < right ? -1 : left > right;
}

/* Indented by depth, from the program's name on. */
static void append_stack(const struct tree *tree, size_t leaf, struct buffer *out)
{
	uint32_t n_left_out = 0;
	size_t path[512], n = 0;

	for (size_t at = leaf; at && n < ARRAY_SIZE(path); at = tree->nodes[at].parent)
		path[n++] = at;
	for (size_t i = n; i-- > 0;) {
		size_t from_root = n - 1 - i;

		if (n > FRAMES_MAX && from_root >= FRAMES_OUTER && i >= FRAMES_MAX - FRAMES_OUTER) {
			n_left_out++;
			continue;
		}
		if (n_left_out) {
			buffer_printf(out, "%*s… %u more\n", 2 * FRAMES_OUTER, "", n_left_out);
			n_left_out = 0;
		}
		if (n > FRAMES_MAX && from_root >= FRAMES_OUTER)
			from_root -= n - FRAMES_MAX - 1;
		buffer_printf(out, "%*s%s\n", (int)(2 * from_root), "", tree_name(tree, path[i]));
	}
}

int report_append_stacks(const struct report *report, size_t n_max, struct buffer *out)
{
	CLEANUP(tree_freep) struct tree *tree = NULL;
	CLEANUP(freep) size_t *order = NULL;
	int r = tree_new(report->profile, NULL, &tree);

	if (r < 0)
		return r;
	order = calloc(tree->n_nodes, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < tree->n_nodes; i++)
		order[i] = i;
	qsort_r(order, tree->n_nodes, sizeof(*order), node_compare, tree);
	for (size_t i = 0; i < n_max && i < tree->n_nodes && tree->nodes[order[i]].self > 0; i++) {
		const struct tree_node *node = &tree->nodes[order[i]];

		buffer_printf(out, "%.1f %% of the samples (%lld) were exactly here:\n\n```\n",
			100 * (double)node->self / (double)tree->nodes[0].value,
			(long long)node->self);
		append_stack(tree, order[i], out);
		buffer_append_text(out, "```\n\n");
	}
	return 0;
}
