/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proto/profile/tree.h"

/*
 * Turns nodes as they were found (parents before children, self set) into the tree that tree.h
 * promises: sums, preorder, children sorted by name. 0 or -ENOMEM, in which case nothing changed.
 */
int tree_layout(struct tree *tree);
