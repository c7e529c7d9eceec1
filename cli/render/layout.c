// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One pass over the tree's preorder; a node that is too narrow is skipped with its descendants,
 * which are narrower still. Invariant: the boxes of one row do not overlap, and each lies within
 * its parent's, since both are cut from the same whole.
 */

#include "cli/render/layout.h"

#include <stdlib.h>

#include "proto/base/array.h"

int layout_tree(
	struct layout *layout, const struct tree *tree, double width_px, double min_width_px)
{
	int64_t whole = tree->nodes[0].value;
	double scale = whole > 0 ? width_px / (double)whole : 0;

	for (size_t i = 0; i < tree->n_nodes;) {
		const struct tree_node *node = &tree->nodes[i];
		double width = i ? (double)node->value * scale : width_px;
		int r;

		if (width < min_width_px && i) {
			layout->n_hidden += 1 + node->n_descendants;
			layout->hidden_value += node->value;
			i += 1 + node->n_descendants;
			continue;
		}
		r = array_reserve(&layout->boxes, &layout->n_boxes_allocated, layout->n_boxes + 1,
			sizeof(*layout->boxes));
		if (r < 0)
			return r;
		layout->boxes[layout->n_boxes++] = (struct layout_box){
			.node = (uint32_t)i,
			.depth = node->depth,
			.x = (double)node->start * scale,
			.width = width,
		};
		if (node->depth + 1 > layout->n_rows)
			layout->n_rows = node->depth + 1;
		i++;
	}
	return 0;
}

void layout_done(struct layout *layout)
{
	free(layout->boxes);
	*layout = (struct layout){0};
}
