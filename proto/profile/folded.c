/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Writing folded stacks is walking the call tree, whose names are already as a line wants them: each
 * node with a value of its own is a line. So equal lines are one, and lines come sorted name by name.
 */

#include "proto/profile/folded.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "proto/profile/tree.h"

/* The text of the path to the node at hand; ends[depth] is where it ends after that node's name. */
struct path {
	struct buffer text;
	size_t *ends;
};

static void path_done(struct path *path)
{
	buffer_done(&path->text);
	free(path->ends);
}

static void path_enter(struct path *path, const struct tree *tree, size_t i)
{
	uint32_t depth = tree->nodes[i].depth;

	path->text.size = path->ends[depth - 1];
	if (depth > 1)
		buffer_append_char(&path->text, ';');
	buffer_append_text(&path->text, tree_name(tree, i));
	path->ends[depth] = path->text.size;
}

/* The first value type in nanoseconds, or -1. */
static int time_type_find(const struct profile *profile)
{
	for (size_t i = 0; i < profile->n_value_types; i++)
		if (!strcmp(profile_string(profile, profile->value_types[i].unit), "nanoseconds"))
			return (int)i;
	return -1;
}

/* Rounds a sum of nanoseconds to milliseconds. */
static int64_t ms_of(int64_t ns)
{
	return ns / (int64_t)NS_PER_MS + (ns % (int64_t)NS_PER_MS >= (int64_t)NS_PER_MS / 2);
}

static int lines_write(const struct tree *tree, bool is_ns, size_t bytes_max, struct buffer *out)
{
	CLEANUP(path_done) struct path path = {};
	int64_t sum = 0;

	path.ends = calloc(tree->max_depth + 1, sizeof(*path.ends));
	if (!path.ends)
		return -ENOMEM;
	for (size_t i = 1; i < tree->n_nodes; i++) {
		int64_t n = tree->nodes[i].self;

		path_enter(&path, tree, i);
		if (is_ns) {
			int64_t before = ms_of(sum);

			sum = profile_value_add(sum, n);
			n = ms_of(sum) - before;
		}
		if (n <= 0)
			continue;
		if (bytes_max && out->size + path.text.size > bytes_max)
			return -E2BIG;
		buffer_append(out, path.text.data, path.text.size);
		buffer_printf(out, " %" PRId64 "\n", n);
	}
	return buffer_error(&path.text) ? buffer_error(&path.text) : buffer_error(out);
}

int folded_encode(
	const struct profile *profile, const struct folded_options *options, struct buffer *out)
{
	struct folded_options asked = options ? *options : (struct folded_options){};
	int time_type = asked.weight == FOLDED_MS ? time_type_find(profile) : -1;
	struct tree_options tree_options = {
		.value_type = time_type > 0 ? (size_t)time_type : 0,
		.names = asked.annotate ? TREE_NAMES_ANNOTATED : TREE_NAMES_FOLDED,
	};
	CLEANUP(tree_freep) struct tree *tree = NULL;
	int r = tree_new(profile, &tree_options, &tree);

	if (r < 0)
		return r;
	return lines_write(tree, time_type >= 0, asked.bytes_max, out);
}
