// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A flame graph as one static SVG file: drawn here, for the picture inside a page, and with its
 * tree and a script beside it, for who opens it alone. Boxes of one colour are one path, so that
 * the file stays small and browsers stay quick; a row of slivers is drawn on a grid of half pixels,
 * each cell once. Every text goes through xml.c.
 *
 * Form: title, facts (conditions and ledger), a row with the legend, the graph, a footnote.
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/render/facts.h"
#include "cli/render/flame-data.h"
#include "cli/render/layout.h"
#include "cli/render/renderers.h"
#include "cli/render/text-fit.h"
#include "cli/render/xml.h"
#include "proto/base/cleanup.h"

#define PAD 10
#define ROW 17
#define CELL_PX 6.63 /* of the fixed-width fonts at 11 px */
#define FACT_CELL_PX 5.9 /* mean of the proportional ones at 12 px */
#define TITLE_CELL_PX 9.0
#define FACT_ROW 16
#define TITLE_ROW 36
#define LEGEND_ROW 34
#define FOOT_ROW 28
#define BOX_MIN_PX 0.1
#define N_KINDS (TREE_MARKER + 1)
#define N_SHADES 4

extern const char flame_svg_js[], flame_svg_css[];

static const struct {
	char letter;
	const char *label;
} kinds[N_KINDS] = {
	[TREE_ALL] = {'a', NULL},
	[TREE_COMM] = {'c', NULL},
	[TREE_USER] = {'u', "user"},
	[TREE_KERNEL] = {'k', "kernel"},
	[TREE_INLINED] = {'i', "inlined"},
	[TREE_JIT] = {'j', "JIT"},
	[TREE_INTERPRETER] = {'p', "interpreted"},
	[TREE_MARKER] = {'m', "no code: a mark"},
};

struct picture {
	const struct profile *profile;
	const struct render_options *options;
	struct tree *tree;
	struct layout layout;
	struct buffer facts; /* lines, wrapped */
	struct buffer *out;
	unsigned width, height, top, n_facts;
	bool is_icicle;
};

static void picture_done(struct picture *picture)
{
	tree_freep(&picture->tree);
	layout_done(&picture->layout);
	buffer_done(&picture->facts);
}

/* Breaks a line between words where it is full. */
static void append_wrapped(struct picture *picture, const char *line, size_t n)
{
	size_t cells_max = (size_t)((picture->width - 2 * PAD) / FACT_CELL_PX);

	while (n) {
		size_t size = n;

		if (text_fit_cells(line, n) > cells_max) {
			size = cells_max < n ? cells_max : n;
			while (size && line[size] != ' ')
				size--;
			if (!size)
				size = n;
		}
		buffer_append(&picture->facts, line, size);
		buffer_append_char(&picture->facts, '\n');
		picture->n_facts++;
		while (size < n && line[size] == ' ')
			size++;
		line += size;
		n -= size;
	}
}

static int make_facts(struct picture *picture)
{
	CLEANUP(buffer_done) struct buffer lines = {0};
	const char *line, *end;

	facts_append_conditions(picture->profile, &lines);
	facts_append_ledger(picture->profile, &lines);
	if (buffer_error(&lines) < 0)
		return buffer_error(&lines);
	for (line = lines.data; (end = strchr(line, '\n')); line = end + 1)
		append_wrapped(picture, line, (size_t)(end - line));
	return buffer_error(&picture->facts);
}

static double row_y(const struct picture *picture, uint32_t depth)
{
	uint32_t row = picture->is_icicle ? depth : picture->layout.n_rows - 1 - depth;

	return picture->top + (double)ROW * row;
}

static unsigned shade_of(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++)
		hash = hash * 31 + (unsigned char)*name;
	return hash >> 4 & (N_SHADES - 1);
}

/* Two decimals at most, none that say nothing: half of the file is numbers. */
static void append_number(struct buffer *out, double number)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%.2f", number);

	while (n && text[n - 1] == '0')
		n--;
	if (n && text[n - 1] == '.')
		n--;
	buffer_append(out, text, (size_t)n);
}

static void append_box(struct buffer *path, double x, double y, double width)
{
	buffer_append_char(path, 'M');
	append_number(path, x);
	buffer_printf(path, " %gh", y);
	append_number(path, width);
	buffer_printf(path, "v%dh-", ROW - 1);
	append_number(path, width);
	buffer_append_char(path, 'z');
}

static void append_path_of(const struct picture *picture, const struct layout_box *box,
	double *thin_x, struct buffer paths[N_KINDS][N_SHADES])
{
	const struct tree_node *node = &picture->tree->nodes[box->node];
	struct buffer *path = &paths[node->kind][shade_of(tree_name(picture->tree, box->node))];
	double x = PAD + box->x, y = row_y(picture, box->depth), half = floor(2 * x) / 2;

	if (box->width >= 0.5) {
		/* A gap tells neighbours apart. */
		append_box(path, x, y, box->width > 2 ? box->width - 0.6 : box->width);
	} else if (half > thin_x[box->depth]) {
		thin_x[box->depth] = half;
		append_box(path, half, y, 0.5);
	}
}

static int append_boxes(const struct picture *picture)
{
	struct buffer paths[N_KINDS][N_SHADES] = {0}, *out = picture->out;
	CLEANUP(freep) double *thin_x = calloc(picture->layout.n_rows, sizeof(*thin_x));
	int r = 0;

	if (!thin_x)
		return -ENOMEM;
	for (size_t i = 0; i < picture->layout.n_boxes; i++)
		append_path_of(picture, &picture->layout.boxes[i], thin_x, paths);
	buffer_append_text(out, "<g class=\"frames\">\n");
	for (size_t kind = 0; kind < N_KINDS; kind++) {
		for (size_t shade = 0; shade < N_SHADES; shade++) {
			struct buffer *path = &paths[kind][shade];

			if (buffer_error(path) < 0)
				r = buffer_error(path);
			if (path->size)
				buffer_printf(out, "<path class=\"%c t%zu\" d=\"%s\"/>\n",
					kinds[kind].letter, shade, path->data);
			buffer_done(path);
		}
	}
	buffer_append_text(out, "</g>\n");
	return r;
}

static void append_names(const struct picture *picture)
{
	CLEANUP(buffer_done) struct buffer text = {0};
	struct buffer *out = picture->out;

	buffer_append_text(out, "<g class=\"names\">\n");
	for (size_t i = 0; i < picture->layout.n_boxes; i++) {
		const struct layout_box *box = &picture->layout.boxes[i];

		buffer_clear(&text);
		if (box->width > 6)
			text_fit_append(&text, tree_name(picture->tree, box->node),
				(size_t)((box->width - 6) / CELL_PX));
		if (!text.size)
			continue;
		buffer_append_text(out, "<text x=\"");
		append_number(out, PAD + box->x + 3);
		buffer_printf(out, "\" y=\"%g\">", row_y(picture, box->depth) + ROW - 5);
		xml_append(out, text.data, text.size);
		buffer_append_text(out, "</text>\n");
	}
	buffer_append_text(out, "</g>\n");
}

/* Which colour is what, and what share of the whole is on top of stacks in it. */
static void append_legend(const struct picture *picture)
{
	int64_t self[N_KINDS] = {0}, whole = picture->tree->nodes[0].value;
	bool is_there[N_KINDS] = {0};
	double x = PAD, y = picture->top - LEGEND_ROW + 12;
	struct buffer *out = picture->out;

	for (size_t i = 0; i < picture->tree->n_nodes; i++) {
		self[picture->tree->nodes[i].kind] += picture->tree->nodes[i].self;
		is_there[picture->tree->nodes[i].kind] = true;
	}
	for (size_t kind = 0; kind < N_KINDS; kind++) {
		char text[64];

		if (!kinds[kind].label || !is_there[kind])
			continue;
		snprintf(text, sizeof(text), "%s %.1f %%", kinds[kind].label,
			whole ? 100.0 * (double)self[kind] / (double)whole : 0);
		buffer_printf(out,
			"<rect class=\"%c\" x=\"%.1f\" y=\"%g\" width=\"12\" height=\"12\" rx=\"2\"/>"
			"<text class=\"swatch\" x=\"%.1f\" y=\"%g\">%s</text>\n",
			kinds[kind].letter, x, y, x + 17, y + 10, text);
		x += 17 + (double)strlen(text) * FACT_CELL_PX + 20;
	}
}

static void append_title(const struct picture *picture, const char *title, const char *warning)
{
	CLEANUP(buffer_done) struct buffer fitted = {0};
	size_t cells = (size_t)((picture->width - 2 * PAD) / TITLE_CELL_PX);
	size_t n_warning = *warning ? strlen(warning) + 3 : 0;

	text_fit_append(&fitted, title, cells > n_warning ? cells - n_warning : 0);
	buffer_printf(picture->out, "<text class=\"title\" x=\"%d\" y=\"26\">", PAD);
	xml_append(picture->out, fitted.data ? fitted.data : "", fitted.size);
	if (*warning)
		buffer_printf(picture->out, "<tspan class=\"warn\"> — %s</tspan>", warning);
	buffer_append_text(picture->out, "</text>\n");
}

static void append_facts(const struct picture *picture)
{
	const char *line = picture->facts.data, *end;
	unsigned y = TITLE_ROW + 10;

	for (; line && (end = strchr(line, '\n')); line = end + 1) {
		buffer_printf(picture->out, "<text class=\"fact\" x=\"%d\" y=\"%u\">", PAD, y);
		xml_append(picture->out, line, (size_t)(end - line));
		buffer_append_text(picture->out, "</text>\n");
		y += FACT_ROW;
	}
}

static void append_footnote(const struct picture *picture)
{
	int64_t whole = picture->tree->nodes[0].value;
	const struct layout *layout = &picture->layout;

	buffer_printf(picture->out, "<text class=\"fact status\" x=\"%d\" y=\"%u\">", PAD,
		picture->height - 9);
	if (layout->n_hidden) {
		buffer_append_text(picture->out, "Not drawn: ");
		facts_append_count(layout->n_hidden, picture->out);
		buffer_printf(picture->out, " frames narrower than %g px, %.2f %% of the width. ",
			BOX_MIN_PX,
			100.0 * (double)layout->hidden_value / (double)(whole ? whole : 1));
	}
	buffer_append_text(picture->out, "Widths are shares of the ");
	xml_append_text(picture->out,
		profile_string(picture->profile,
			picture->profile->value_types[picture->options->value_type].type));
	buffer_append_text(picture->out,
		"; left to right is the order of names, not of time. perfctl " PERFCTL_VERSION
		"</text>\n");
}

static int append_script(const struct picture *picture)
{
	const struct profile *profile = picture->profile;
	const struct profile_value_type *type = &profile->value_types[picture->options->value_type];
	const char *unit = profile_string(profile, type->unit);
	struct buffer *out = picture->out;
	int r;

	if (strcmp(unit, "count") == 0)
		unit = profile_string(profile, type->type);
	buffer_append_text(out, "<metadata class=\"flame-data\">{\"unit\":");
	xml_append_json_string(out, unit);
	buffer_printf(out,
		",\n\"geometry\":{\"width\":%u,\"height\":%u,\"top\":%u,\"row\":%d,\"rows\":%u,"
		"\"pad\":%d,\"cell\":%g,\"icicle\":%s},\n",
		picture->width, picture->height, picture->top, ROW, picture->layout.n_rows, PAD,
		CELL_PX, picture->is_icicle ? "true" : "false");
	r = flame_data_append(profile, picture->tree, &picture->layout, out);
	if (r < 0)
		return r;
	buffer_append_text(out, "}</metadata>\n<script><![CDATA[\n");
	buffer_append_text(out, flame_svg_js);
	buffer_append_text(out, "]]></script>\n");
	return 0;
}

static int append_head(const struct picture *picture)
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
	xml_append(out, picture->facts.data, picture->facts.size);
	buffer_append_text(out, "</desc>\n<style>\n");
	buffer_append_text(out, flame_svg_css);
	buffer_printf(out, "</style>\n<rect class=\"page\" width=\"%u\" height=\"%u\"/>\n",
		picture->width, picture->height);
	append_title(picture, title.data, warning.data ? warning.data : "");
	append_facts(picture);
	return 0;
}

int render_flame_svg(
	const struct profile *profile, const struct render_options *options, struct buffer *out)
{
	struct tree_options tree_options = {.value_type = options->value_type};
	CLEANUP(picture_done)
	struct picture picture = {
		.profile = profile,
		.options = options,
		.out = out,
		.width = options->width_px ? options->width_px : RENDER_WIDTH_PX,
		.is_icicle = options->is_icicle,
	};
	int r;

	r = tree_new(profile, &tree_options, &picture.tree);
	if (r == 0)
		r = layout_tree(
			&picture.layout, picture.tree, picture.width - 2.0 * PAD, BOX_MIN_PX);
	if (r == 0)
		r = make_facts(&picture);
	if (r < 0)
		return r;
	picture.top = TITLE_ROW + FACT_ROW * picture.n_facts + LEGEND_ROW;
	picture.height = picture.top + ROW * picture.layout.n_rows + FOOT_ROW;
	r = append_head(&picture);
	if (r < 0)
		return r;
	append_legend(&picture);
	r = append_boxes(&picture);
	if (r < 0)
		return r;
	append_names(&picture);
	append_footnote(&picture);
	r = append_script(&picture);
	if (r < 0)
		return r;
	buffer_append_text(out, "</svg>\n");
	return buffer_error(out);
}
