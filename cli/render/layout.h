/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/profile/tree.h"

/* A node of the tree as a box; x and width in px from the left edge of the root. */
struct layout_box {
	uint32_t node;
	uint32_t depth;
	double x, width;
};

/*
 * Where the boxes of a tree stand. Those narrower than min_width_px are left out with all below
 * them, and counted.
 */
struct layout {
	struct layout_box *boxes; /* in the tree's preorder */
	size_t n_boxes, n_boxes_allocated;
	uint32_t n_rows;
	size_t n_hidden; /* nodes that were left out */
	int64_t hidden_value; /* what they stand for, each sample once */
};

/* 0 or -ENOMEM. An empty tree is its root. */
int layout_tree(
	struct layout *layout, const struct tree *tree, double width_px, double min_width_px);
void layout_done(struct layout *layout);
