// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each text and each frame is written once and nodes refer to them by number, so that a node takes
 * some ten bytes. Siblings that the layout left out are summed up in one node of frame 0: what is
 * beside them keeps its place, and every sum still holds.
 */

#include "cli/render/flame-data.h"

#include <stdlib.h>
#include <string.h>

#include "cli/render/xml.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/hash.h"

struct frame {
	uint32_t name, module, file, line, kind;
};

struct writer {
	const struct profile *profile;
	const struct tree *tree;
	struct intern strings;
	struct frame *frames;
	size_t n_frames, n_frames_allocated;
	struct hash hash;
	struct buffer nodes;
	uint32_t next_depth; /* of a child of the node written last */
	int64_t hidden; /* waiting to be written */
	uint32_t hidden_depth;
};

static void writer_done(struct writer *writer)
{
	intern_done(&writer->strings);
	free(writer->frames);
	hash_done(&writer->hash);
	buffer_done(&writer->nodes);
}

static bool frame_is_equal(const void *table, uint32_t id, const void *key)
{
	const struct frame *frames = table;

	return memcmp(&frames[id], key, sizeof(*frames)) == 0;
}

static int add_frame(struct writer *writer, const struct frame *frame, uint32_t *ret_id)
{
	uint32_t hash = hash_bytes(frame, sizeof(*frame));
	uint32_t id = hash_find(&writer->hash, hash, frame_is_equal, writer->frames, frame);
	int r;

	if (id) {
		*ret_id = id;
		return 0;
	}
	r = array_reserve(&writer->frames, &writer->n_frames_allocated, writer->n_frames + 1,
		sizeof(*writer->frames));
	if (r < 0)
		return r;
	id = (uint32_t)writer->n_frames;
	r = hash_add(&writer->hash, hash, id);
	if (r < 0)
		return r;
	writer->frames[writer->n_frames++] = *frame;
	*ret_id = id;
	return 0;
}

static int add_string(struct writer *writer, const char *text, uint32_t *ret_id)
{
	return intern_add(&writer->strings, text, strlen(text), ret_id);
}

static int find_frame(struct writer *writer, size_t index, uint32_t *ret_id)
{
	const struct tree_node *node = &writer->tree->nodes[index];
	struct frame frame = {.line = node->line, .kind = node->kind};
	int r;

	r = add_string(writer, tree_name(writer->tree, index), &frame.name);
	if (r == 0)
		r = add_string(
			writer, profile_string(writer->profile, node->module), &frame.module);
	if (r == 0)
		r = add_string(writer, profile_string(writer->profile, node->file), &frame.file);
	if (r < 0)
		return r;
	return add_frame(writer, &frame, ret_id);
}

static void append_node(struct writer *writer, uint32_t depth, uint32_t frame, int64_t value)
{
	buffer_printf(&writer->nodes, "%s%u,%u,%lld", writer->nodes.size ? "," : "",
		writer->next_depth - depth, frame, (long long)value);
	writer->next_depth = depth + 1;
}

static void flush_hidden(struct writer *writer)
{
	if (writer->hidden)
		append_node(writer, writer->hidden_depth, 0, writer->hidden);
	writer->hidden = 0;
}

static int append_nodes(struct writer *writer, const struct layout *layout)
{
	const struct tree *tree = writer->tree;
	size_t box = 0;

	for (size_t i = 0; i < tree->n_nodes;) {
		const struct tree_node *node = &tree->nodes[i];
		uint32_t frame;
		int r;

		if (box >= layout->n_boxes || layout->boxes[box].node != i) {
			if (node->depth != writer->hidden_depth)
				flush_hidden(writer);
			writer->hidden += node->value;
			writer->hidden_depth = node->depth;
			i += 1 + node->n_descendants;
			continue;
		}
		flush_hidden(writer);
		r = find_frame(writer, i, &frame);
		if (r < 0)
			return r;
		append_node(writer, node->depth, frame, node->value);
		box++;
		i++;
	}
	flush_hidden(writer);
	return buffer_error(&writer->nodes);
}

static void append_tables(const struct writer *writer, struct buffer *out)
{
	buffer_append_text(out, "\"strings\":[");
	for (size_t i = 0; i < writer->strings.n; i++) {
		buffer_append_text(out, i ? ",\n" : "");
		xml_append_json_string(out, intern_text(&writer->strings, (uint32_t)i));
	}
	buffer_append_text(out, "],\n\"frames\":[");
	for (size_t i = 0; i < writer->n_frames; i++) {
		const struct frame *frame = &writer->frames[i];

		buffer_printf(out, "%s%u,%u,%u,%u,%u", i ? "," : "", frame->name, frame->module,
			frame->file, frame->line, frame->kind);
	}
	buffer_append_text(out, "],\n\"nodes\":[");
	buffer_append(out, writer->nodes.data, writer->nodes.size);
	buffer_append_text(out, "]");
}

int flame_data_append(const struct profile *profile, const struct tree *tree,
	const struct layout *layout, struct buffer *out)
{
	CLEANUP(writer_done) struct writer writer = {.profile = profile, .tree = tree};
	int r;

	r = intern_init(&writer.strings);
	if (r < 0)
		return r;
	/* Frame 0, which no node of the tree has. */
	r = array_reserve(&writer.frames, &writer.n_frames_allocated, 1, sizeof(*writer.frames));
	if (r < 0)
		return r;
	writer.n_frames = 1;
	r = append_nodes(&writer, layout);
	if (r < 0)
		return r;
	append_tables(&writer, out);
	return buffer_error(out);
}
