// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A flame graph as one static SVG file: drawn here, for the picture inside a page, and with its
 * tree and a script beside it, for who opens it alone. Every text goes through xml.c.
 */

#include <errno.h>
#include <string.h>

#include "cli/render/facts.h"
#include "cli/render/flame-data.h"
#include "cli/render/flame-picture.h"
#include "cli/render/xml.h"
#include "proto/base/cleanup.h"

extern const char flame_svg_js[], flame_svg_css[];

const struct flame_kind flame_kinds[FLAME_N_KINDS] = {
	[TREE_ALL] = {'a', NULL},
	[TREE_COMM] = {'c', NULL},
	[TREE_USER] = {'u', "user"},
	[TREE_KERNEL] = {'k', "kernel"},
	[TREE_INLINED] = {'i', "inlined"},
	[TREE_JIT] = {'j', "JIT"},
	[TREE_INTERPRETER] = {'p', "interpreted"},
	[TREE_MARKER] = {'m', "mark"},
	[FLAME_DIFF_SAME] = {'n', "no evident change"},
	[FLAME_DIFF_MORE] = {'q', "up to 10 % more"},
	[FLAME_DIFF_MORE + 1] = {'r', "10 to 50 % more"},
	[FLAME_DIFF_MORE + 2] = {'s', "over 50 % more"},
	[FLAME_DIFF_LESS] = {'x', "up to 10 % less"},
	[FLAME_DIFF_LESS + 1] = {'y', "10 to 50 % less"},
	[FLAME_DIFF_LESS + 2] = {'z', "over 50 % less"},
};

static void picture_done(struct flame_picture *picture)
{
	tree_freep(&picture->tree);
	layout_done(&picture->layout);
	buffer_done(&picture->facts);
}

const char *flame_unit(const struct flame_picture *picture)
{
	const struct profile_value_type
		*type = &picture->profile->value_types[picture->options->value_type];
	const char *unit = profile_string(picture->profile, type->unit);

	return strcmp(unit, "count") == 0 ? profile_string(picture->profile, type->type) : unit;
}

static int append_script(const struct flame_picture *picture)
{
	struct buffer *out = picture->out;
	int r;

	buffer_append_text(out, "<metadata class=\"flame-data\">{\"unit\":");
	xml_append_json_string(out, flame_unit(picture));
	buffer_printf(out,
		",\n\"geometry\":{\"width\":%u,\"height\":%u,\"top\":%u,\"row\":%d,\"rows\":%u,"
		"\"pad\":%d,\"cell\":%g,\"icicle\":%s},\n",
		picture->width, picture->height, picture->top, FLAME_ROW, picture->layout.n_rows,
		FLAME_PAD, FLAME_CELL_PX, picture->is_icicle ? "true" : "false");
	r = flame_data_append(picture->profile, picture->tree, &picture->layout, out);
	if (r < 0)
		return r;
	buffer_append_text(out, "}</metadata>\n<script><![CDATA[\n");
	buffer_append_text(out, flame_svg_js);
	buffer_append_text(out, "]]></script>\n");
	return 0;
}

static int append_start(const struct flame_picture *picture)
{
	CLEANUP(buffer_done) struct buffer title = {0}, warning = {0};
	struct buffer *out = picture->out;

	facts_append_title(picture->profile, picture->options->title, &title);
	facts_append_warning(picture->profile, &warning);
	if (buffer_error(&title) < 0 || buffer_error(&warning) < 0)
		return -ENOMEM;
	buffer_printf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		"viewBox=\"0 0 %u %u\" role=\"img\">\n<title>",
		picture->width, picture->height, picture->width, picture->height);
	xml_append(out, title.data, title.size);
	if (warning.size)
		buffer_printf(out, " — %s", warning.data);
	buffer_append_text(out, "</title>\n<desc>");
	xml_append_text(out, "Flame graph. ");
	flame_append_description(picture);
	buffer_append_text(out, "</desc>\n<style>\n");
	buffer_append_text(out, flame_svg_css);
	buffer_printf(out, "</style>\n<rect class=\"page\" width=\"%u\" height=\"%u\"/>\n",
		picture->width, picture->height);
	flame_append_head(picture, title.data, warning.data ? warning.data : "");
	return 0;
}

int flame_append(const struct profile *profile, const struct render_options *options,
	struct tree *tree, struct buffer *out)
{
	CLEANUP(picture_done)
	struct flame_picture picture = {
		.profile = profile,
		.options = options,
		.tree = tree,
		.out = out,
		.width = options->width_px ? options->width_px : RENDER_WIDTH_PX,
		.is_icicle = options->is_icicle,
	};
	int r;

	r = layout_tree(
		&picture.layout, picture.tree, picture.width - 2.0 * FLAME_PAD, FLAME_BOX_MIN_PX);
	if (r == 0)
		r = flame_make_facts(&picture);
	if (r < 0)
		return r;
	picture.top = FLAME_TITLE_ROW + FLAME_FACT_ROW * picture.n_facts + FLAME_LEGEND_ROW;
	picture.height = picture.top + FLAME_ROW * picture.layout.n_rows + FLAME_FOOT_ROW;
	r = append_start(&picture);
	if (r < 0)
		return r;
	r = flame_append_boxes(&picture);
	if (r < 0)
		return r;
	flame_append_footnote(&picture);
	r = append_script(&picture);
	if (r < 0)
		return r;
	buffer_append_text(out, "</svg>\n");
	return buffer_error(out);
}

int render_flame_svg(
	const struct profile *profile, const struct render_options *options, struct buffer *out)
{
	struct tree_options tree_options = {.value_type = options->value_type};
	CLEANUP(tree_freep) struct tree *tree = NULL;
	int r = tree_new(profile, &tree_options, &tree);

	return r < 0 ? r : flame_append(profile, options, TAKE(tree), out);
}
