/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Stacks are merged in two passes. First each distinct stack becomes a node under its root (the
 * program's comm, and the mark of a cut stack), found by (parent, name); stacks that share callers
 * share the walk, since a stack's node is remembered while samples of the same root go by. Then
 * tree-layout.c puts them in order. Invariant meanwhile: a node's parent has a smaller id.
 */

#include "proto/profile/tree.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/base/array.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/profile/tree-layout.h"

/* While a tree is built. Node ids are indexes into tree->nodes; the root is 0. */
struct tree_builder {
	const struct profile *profile;
	struct tree_options options;
	struct tree *tree;
	struct hash nodes; /* (parent, name) -> node */
	/* The profile's string -> the tree's, in each form (see forms); 0: not yet. */
	uint32_t *names[5];
	uint32_t *stack_nodes; /* stack -> its node, if stack_roots has the root at hand */
	uint32_t *stack_roots;
	struct buffer text;
};

struct node_key {
	uint32_t parent, name;
};

static void builder_done(struct tree_builder *builder)
{
	tree_free(builder->tree);
	hash_done(&builder->nodes);
	for (size_t i = 0; i < ARRAY_SIZE(builder->names); i++)
		free(builder->names[i]);
	free(builder->stack_nodes);
	free(builder->stack_roots);
	buffer_done(&builder->text);
}

static bool node_is_equal(const void *table, uint32_t id, const void *key)
{
	const struct tree *tree = table;
	const struct node_key *wanted = key;

	return tree->nodes[id].parent == wanted->parent && tree->nodes[id].name == wanted->name;
}

/* Finds or adds the child of `parent` that looks like `like`; only a new one takes over all of it. */
static int child_add(struct tree_builder *builder, uint32_t parent, const struct tree_node *like,
	uint32_t *ret_node)
{
	struct tree *tree = builder->tree;
	const struct node_key key = {.parent = parent, .name = like->name};
	uint32_t hash = hash_bytes(&key, sizeof(key));
	uint32_t id = hash_find(&builder->nodes, hash, node_is_equal, tree, &key);
	int r;

	if (id) {
		*ret_node = id;
		return 0;
	}
	if (tree->n_nodes >= INT32_MAX)
		return -E2BIG;
	r = array_reserve(
		&tree->nodes, &tree->n_nodes_allocated, tree->n_nodes + 1, sizeof(*tree->nodes));
	if (r < 0)
		return r;
	id = (uint32_t)tree->n_nodes;
	r = hash_add(&builder->nodes, hash, id);
	if (r < 0)
		return r;
	tree->nodes[id] = *like;
	tree->nodes[id].parent = parent;
	tree->nodes[id].depth = tree->nodes[parent].depth + 1;
	tree->n_nodes++;
	*ret_node = id;
	return 0;
}

/* What goes around a name. */
enum form { FORM_PLAIN, FORM_KERNEL, FORM_INLINED, FORM_JIT, FORM_TRUNCATED };

static const struct {
	const char *before, *after;
} forms[] = {
	[FORM_PLAIN] = {"", ""},
	[FORM_KERNEL] = {"", "_[k]"},
	[FORM_INLINED] = {"", "_[i]"},
	[FORM_JIT] = {"", "_[j]"},
	[FORM_TRUNCATED] = {"[truncated:", "]"},
};

static enum form form_of(const struct tree_builder *builder, enum tree_kind kind)
{
	if (builder->options.names != TREE_NAMES_ANNOTATED)
		return FORM_PLAIN;
	switch (kind) {
	case TREE_KERNEL:
		return FORM_KERNEL;
	case TREE_INLINED:
		return FORM_INLINED;
	case TREE_JIT:
		return FORM_JIT;
	default:
		return FORM_PLAIN;
	}
}

/* The tree's own name for a text as the options want it. */
static int name_add(
	struct tree_builder *builder, const char *text, enum form form, uint32_t *ret_name)
{
	struct buffer *name = &builder->text;

	buffer_clear(name);
	buffer_append_text(name, forms[form].before);
	buffer_append_text(name, text);
	buffer_append_text(name, forms[form].after);
	if (buffer_error(name))
		return -ENOMEM;
	for (char *c = name->data; builder->options.names != TREE_NAMES_PLAIN && *c; c++)
		if (*c == ';')
			*c = ':';
	return intern_add(&builder->tree->strings, name->data, name->size, ret_name);
}

/* The same for a string of the profile ("[unknown]" if it is empty); asked again it costs nothing. */
static int name_of(
	struct tree_builder *builder, uint32_t string, enum form form, uint32_t *ret_name)
{
	uint32_t *name = &builder->names[form][string];
	const char *text = string ? profile_string(builder->profile, string) : "[unknown]";
	int r = *name ? 0 : name_add(builder, text, form, name);

	if (r < 0)
		return r;
	*ret_name = *name;
	return 0;
}

static enum tree_kind kind_of(const struct profile_frame *frame, bool is_inlined)
{
	switch (frame->kind) {
	case PROFILE_FRAME_KERNEL:
		return TREE_KERNEL;
	case PROFILE_FRAME_JIT:
		return TREE_JIT;
	case PROFILE_FRAME_INTERPRETER:
		return TREE_INTERPRETER;
	case PROFILE_FRAME_MARKER:
		return TREE_MARKER;
	default:
		return is_inlined ? TREE_INLINED : TREE_USER;
	}
}

/* A frame's lines, outermost first, as nodes below *node, which becomes the innermost. */
static int frame_add(struct tree_builder *builder, uint32_t frame_id, uint32_t *node)
{
	const struct profile *profile = builder->profile;
	const struct profile_frame *frame = &profile->frames[frame_id];
	size_t n_lines = frame->n_lines;

	for (size_t i = n_lines ? n_lines : 1; i-- > 0;) {
		const struct profile_line line = n_lines ? profile->lines[frame->first_line + i]
							 : (struct profile_line){};
		struct tree_node like = {
			.module = profile->mappings[frame->mapping].path,
			.file = profile->functions[line.function].file,
			.line = line.line,
			.kind = kind_of(frame, i + 1 < n_lines),
		};
		int r = name_of(builder, profile->functions[line.function].name,
			form_of(builder, like.kind), &like.name);

		if (r < 0)
			return r;
		r = child_add(builder, *node, &like, node);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The node of a whole stack below `root`. */
static int stack_add(
	struct tree_builder *builder, uint32_t root, uint32_t stack, uint32_t *ret_node)
{
	const struct profile *profile = builder->profile;
	CLEANUP(freep) uint32_t *pending = NULL;
	size_t n_pending = 0;
	uint32_t node = root;

	if (builder->stack_roots[stack] != root && stack) {
		pending = malloc(profile->stacks[stack].depth * sizeof(*pending));
		if (!pending)
			return -ENOMEM;
	}
	for (; stack && builder->stack_roots[stack] != root; stack = profile->stacks[stack].parent)
		pending[n_pending++] = stack;
	if (stack)
		node = builder->stack_nodes[stack];
	while (n_pending) {
		int r;

		stack = pending[--n_pending];
		r = frame_add(builder, profile->stacks[stack].frame, &node);
		if (r < 0)
			return r;
		builder->stack_nodes[stack] = node;
		builder->stack_roots[stack] = root;
	}
	*ret_node = node;
	return 0;
}

/* The node below which a sample's stack goes: its comm, and the mark if it was cut. */
static int root_add(
	struct tree_builder *builder, const struct profile_sample *sample, uint32_t *ret_node)
{
	const struct profile *profile = builder->profile;
	uint32_t process = profile->threads[sample->thread].process, node;
	struct tree_node comm = {.kind = TREE_COMM}, marker = {.kind = TREE_MARKER};
	int r = name_of(builder, profile->processes[process].comm, FORM_PLAIN, &comm.name);

	if (r < 0)
		return r;
	r = child_add(builder, 0, &comm, &node);
	if (r < 0)
		return r;
	if (sample->stop_class == PROFILE_STOP_TRUNCATED) {
		r = name_of(builder, sample->stop, FORM_TRUNCATED, &marker.name);
		if (r < 0)
			return r;
		r = child_add(builder, node, &marker, &node);
		if (r < 0)
			return r;
	}
	*ret_node = node;
	return 0;
}

/* A sample and the root it belongs to, for going by roots. */
struct rooted {
	uint32_t root, sample;
};

static int rooted_compare(const void *a, const void *b)
{
	const struct rooted *left = a, *right = b;

	if (left->root != right->root)
		return left->root < right->root ? -1 : 1;
	return (left->sample > right->sample) - (left->sample < right->sample);
}

static int samples_add(struct tree_builder *builder)
{
	const struct profile *profile = builder->profile;
	CLEANUP(freep) struct rooted *rooted = calloc(profile->n_samples + 1, sizeof(*rooted));
	size_t n = 0, type = builder->options.value_type;

	if (!rooted)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_samples; i++) {
		int r;

		if (profile_value(profile, i, type) <= 0)
			continue;
		r = root_add(builder, &profile->samples[i], &rooted[n].root);
		if (r < 0)
			return r;
		rooted[n++].sample = (uint32_t)i;
	}
	qsort(rooted, n, sizeof(*rooted), rooted_compare);
	for (size_t i = 0; i < n; i++) {
		struct tree_node *node;
		uint32_t id;
		int r = stack_add(
			builder, rooted[i].root, profile->samples[rooted[i].sample].stack, &id);

		if (r < 0)
			return r;
		node = &builder->tree->nodes[id];
		node->self = profile_value_add(
			node->self, profile_value(profile, rooted[i].sample, type));
		if (builder->options.has_other)
			node->other = profile_value_add(node->other,
				profile_value(
					profile, rooted[i].sample, builder->options.other_type));
	}
	return 0;
}

static int builder_init(struct tree_builder *builder)
{
	const struct profile *profile = builder->profile;
	struct tree *tree = builder->tree = calloc(1, sizeof(*tree));
	int r;

	builder->stack_nodes = calloc(profile->n_stacks, sizeof(uint32_t));
	builder->stack_roots = calloc(profile->n_stacks, sizeof(uint32_t));
	if (!tree || !builder->stack_nodes || !builder->stack_roots)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		builder->names[i] = calloc(profile->strings.n, sizeof(uint32_t));
		if (!builder->names[i])
			return -ENOMEM;
	}
	r = intern_init(&tree->strings);
	if (r < 0)
		return r;
	r = array_reserve(&tree->nodes, &tree->n_nodes_allocated, 1, sizeof(*tree->nodes));
	if (r < 0)
		return r;
	tree->n_nodes = 1;
	return intern_add(&tree->strings, "all", 3, &tree->nodes[0].name);
}

int tree_new(
	const struct profile *profile, const struct tree_options *options, struct tree **ret_tree)
{
	CLEANUP(builder_done) struct tree_builder builder = {.profile = profile};
	int r;

	if (options)
		builder.options = *options;
	r = builder_init(&builder);
	if (r < 0)
		return r;
	r = samples_add(&builder);
	if (r < 0)
		return r;
	r = tree_layout(builder.tree);
	if (r < 0)
		return r;
	hash_done(&builder.tree->strings.hash);
	*ret_tree = TAKE(builder.tree);
	return 0;
}

struct tree *tree_free(struct tree *tree)
{
	if (!tree)
		return NULL;
	free(tree->nodes);
	intern_done(&tree->strings);
	free(tree);
	return NULL;
}

void tree_freep(struct tree **tree)
{
	*tree = tree_free(*tree);
}

const char *tree_name(const struct tree *tree, size_t node)
{
	return intern_text(&tree->strings, tree->nodes[node].name);
}
