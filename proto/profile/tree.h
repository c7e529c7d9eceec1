/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A profile's stacks merged into one call tree by name: the root "all", under it one node per comm,
 * under that "[truncated:REASON]" where the stack is cut, then the functions, outermost first;
 * inlined functions are nodes of their own.
 *
 * Nodes lie in preorder, children sorted by name (byte by byte): node 0 is the root; the first
 * child of node i is i + 1, its next sibling i + 1 + n_descendants. So a loop over the array draws
 * or writes the tree; nobody needs to recurse.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/profile/intern.h"
#include "proto/profile/profile.h"

enum tree_kind {
	TREE_ALL, /* the root */
	TREE_COMM, /* a program's name */
	TREE_USER,
	TREE_KERNEL,
	TREE_INLINED,
	TREE_JIT,
	TREE_INTERPRETER,
	TREE_MARKER, /* stands for no code: "[truncated:fp-end]" */
};

enum tree_names {
	TREE_NAMES_PLAIN, /* as in the profile */
	TREE_NAMES_FOLDED, /* fit for a folded line: ';' became ':' */
	TREE_NAMES_ANNOTATED, /* the same with _[k] kernel, _[i] inlined, _[j] JIT behind them */
};

struct tree_options {
	size_t value_type; /* index into the profile's value types */
	bool has_other;
	size_t other_type; /* summed up beside it, if has_other */
	enum tree_names names;
};

struct tree_node {
	int64_t value; /* of the node with all below it; > 0, except at the root of an empty tree */
	int64_t self; /* of the node itself; >= 0 */
	int64_t other; /* of the other value type, with all below it; 0 if none was asked for */
	int64_t start; /* where it begins, in units of value: the parent's start + earlier siblings */
	uint32_t name; /* text: tree_name() */
	uint32_t parent; /* index; the root's is 0 */
	uint32_t n_descendants;
	uint32_t depth; /* the root's is 0 */
	uint32_t module, file; /* the profile's strings (full paths), or 0 */
	uint32_t line; /* in file, of the first sample seen; 0: unknown */
	uint8_t kind; /* enum tree_kind, of the first sample seen */
};

struct tree {
	struct tree_node *nodes;
	size_t n_nodes, n_nodes_allocated; /* at least the root */
	uint32_t max_depth;
	struct intern strings;
};

/*
 * Builds the tree of a profile; NULL options are the first value type and plain names. Samples whose
 * value is not above 0 are left out. 0, -ENOMEM, or -E2BIG above 2^31 nodes.
 */
int tree_new(
	const struct profile *profile, const struct tree_options *options, struct tree **ret_tree);
struct tree *tree_free(struct tree *tree); /* takes NULL, returns NULL */
void tree_freep(struct tree **tree);

/* The name of a node: valid UTF-8 without control characters, never empty. */
const char *tree_name(const struct tree *tree, size_t node);
