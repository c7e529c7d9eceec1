// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Boxes of one colour are one path, so that the file stays small and browsers stay quick. Slivers
 * are drawn on a grid of half pixels, each cell of a row once: thousands of them side by side are a
 * few hundred. The script draws by the same rules when it zooms.
 */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/render/facts.h"
#include "cli/render/flame-picture.h"
#include "cli/render/text-fit.h"
#include "cli/render/xml.h"
#include "proto/base/cleanup.h"

#define N_SHADES 4

static double row_y(const struct flame_picture *picture, uint32_t depth)
{
	uint32_t row = picture->is_icicle ? depth : picture->layout.n_rows - 1 - depth;

	return picture->top + (double)FLAME_ROW * row;
}

static unsigned shade_of(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++)
		hash = hash * 31 + (unsigned char)*name;
	return hash >> 4 & (N_SHADES - 1);
}

/* Two decimals at most, none that say nothing: half of the file is numbers, and printf is slow. */
static void append_number(struct buffer *out, double number)
{
	uint64_t hundredths = number > 0 ? (uint64_t)(number * 100 + 0.5) : 0;
	char text[24], *p = text + sizeof(text);

	if (hundredths % 100) {
		if (hundredths % 10)
			*--p = (char)('0' + hundredths % 10);
		*--p = (char)('0' + hundredths / 10 % 10);
		*--p = '.';
	}
	hundredths /= 100;
	do {
		*--p = (char)('0' + hundredths % 10);
		hundredths /= 10;
	} while (hundredths);
	buffer_append(out, p, (size_t)(text + sizeof(text) - p));
}

static void append_box(struct buffer *path, double x, double y, double width)
{
	buffer_append_char(path, 'M');
	append_number(path, x);
	buffer_append_char(path, ' ');
	append_number(path, y);
	buffer_append_char(path, 'h');
	append_number(path, width);
	buffer_append_char(path, 'v');
	append_number(path, FLAME_ROW - 1);
	buffer_append_text(path, "h-");
	append_number(path, width);
	buffer_append_char(path, 'z');
}

static void append_path_of(const struct flame_picture *picture, const struct layout_box *box,
	double *thin_x, struct buffer paths[FLAME_N_KINDS][N_SHADES])
{
	const struct tree_node *node = &picture->tree->nodes[box->node];
	struct buffer *path = &paths[node->kind][shade_of(tree_name(picture->tree, box->node))];
	double x = FLAME_PAD + box->x, y = row_y(picture, box->depth), half = floor(2 * x) / 2;

	if (box->width >= 0.5) {
		/* A gap tells neighbours apart. */
		append_box(path, x, y, box->width > 2 ? box->width - 0.6 : box->width);
	} else if (half > thin_x[box->depth]) {
		thin_x[box->depth] = half;
		append_box(path, half, y, 0.5);
	}
}

static int append_paths(const struct flame_picture *picture)
{
	struct buffer paths[FLAME_N_KINDS][N_SHADES] = {0}, *out = picture->out;
	CLEANUP(freep) double *thin_x = calloc(picture->layout.n_rows, sizeof(*thin_x));
	int r = 0;

	if (!thin_x)
		return -ENOMEM;
	for (size_t i = 0; i < picture->layout.n_boxes; i++)
		append_path_of(picture, &picture->layout.boxes[i], thin_x, paths);
	buffer_append_text(out, "<g class=\"frames\">\n");
	for (size_t kind = 0; kind < FLAME_N_KINDS; kind++) {
		for (size_t shade = 0; shade < N_SHADES; shade++) {
			struct buffer *path = &paths[kind][shade];

			if (buffer_error(path) < 0)
				r = buffer_error(path);
			if (path->size)
				buffer_printf(out, "<path class=\"%c t%zu\" d=\"%s\"/>\n",
					flame_kinds[kind].letter, shade, path->data);
			buffer_done(path);
		}
	}
	buffer_append_text(out, "</g>\n");
	return r;
}

/* "all: 5 407 samples" */
static void append_root_name(const struct flame_picture *picture, struct buffer *text)
{
	int64_t whole = picture->tree->nodes[0].value;
	const char *unit = flame_unit(picture);

	buffer_append_text(text, "all: ");
	if (strcmp(unit, "nanoseconds") == 0) {
		buffer_printf(text, "%.3f s", (double)whole / 1e9);
		return;
	}
	facts_append_count((uint64_t)whole, text);
	buffer_printf(text, " %s", unit);
}

static void append_names(const struct flame_picture *picture)
{
	CLEANUP(buffer_done) struct buffer text = {0};
	struct buffer *out = picture->out;

	buffer_append_text(out, "<g class=\"names\">\n");
	for (size_t i = 0; i < picture->layout.n_boxes; i++) {
		const struct layout_box *box = &picture->layout.boxes[i];

		buffer_clear(&text);
		if (i == 0)
			append_root_name(picture, &text);
		else if (box->width > 6)
			text_fit_append(&text, tree_name(picture->tree, box->node),
				(size_t)((box->width - 6) / FLAME_CELL_PX));
		if (!text.size)
			continue;
		buffer_append_text(out, "<text x=\"");
		append_number(out, FLAME_PAD + box->x + 3);
		buffer_printf(out, "\" y=\"%g\">", row_y(picture, box->depth) + FLAME_ROW - 5);
		xml_append(out, text.data, text.size);
		buffer_append_text(out, "</text>\n");
	}
	buffer_append_text(out, "</g>\n");
}

int flame_append_boxes(const struct flame_picture *picture)
{
	int r;

	r = append_paths(picture);
	if (r < 0)
		return r;
	append_names(picture);
	return 0;
}
