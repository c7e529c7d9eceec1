/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cli/render/layout.h"
#include "proto/base/buffer.h"
#include "proto/profile/profile.h"
#include "proto/profile/tree.h"

/*
 * The tree for the picture's script: three members of a JSON object, to be read as XML text too.
 *   "strings": texts, the first ""
 *   "frames":  name, module, file (indexes of strings), line, kind (enum tree_kind), five numbers
 *              each; frame 0 stands for what the layout left out
 *   "nodes":   levels up from a child of the one before, frame, value, three numbers each, in
 *              preorder
 * 0 or -ENOMEM.
 */
int flame_data_append(const struct profile *profile, const struct tree *tree,
	const struct layout *layout, struct buffer *out);
