// SPDX-License-Identifier: GPL-2.0-or-later
/* What a flame graph says about itself: title, conditions, ledger, legend, footnote. */

#include <stdio.h>
#include <string.h>

#include "cli/render/facts.h"
#include "cli/render/flame-picture.h"
#include "cli/render/text-fit.h"
#include "cli/render/xml.h"
#include "proto/base/cleanup.h"

#define FACT_CELL_PX 5.9 /* mean of proportional fonts at 12 px */
#define TITLE_CELL_PX 9.0

/* Breaks a line between words where it is full. */
static void append_wrapped(struct flame_picture *picture, const char *line, size_t n)
{
	size_t cells_max = (size_t)((picture->width - 2 * FLAME_PAD) / FACT_CELL_PX);

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

int flame_make_facts(struct flame_picture *picture)
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

/* Which colour is what, and what share of the whole was spent in functions of it (self). */
static void append_legend(const struct flame_picture *picture)
{
	int64_t self[FLAME_N_KINDS] = {0}, whole = picture->tree->nodes[0].value;
	bool is_there[FLAME_N_KINDS] = {0};
	double x = FLAME_PAD, y = picture->top - FLAME_LEGEND_ROW + 12;
	struct buffer *out = picture->out;

	for (size_t i = 0; i < picture->tree->n_nodes; i++) {
		self[picture->tree->nodes[i].kind] += picture->tree->nodes[i].self;
		is_there[picture->tree->nodes[i].kind] = true;
	}
	for (size_t kind = 0; kind < FLAME_N_KINDS; kind++) {
		char text[64];

		if (!flame_kinds[kind].label || !is_there[kind])
			continue;
		if (self[kind])
			snprintf(text, sizeof(text), "%s %.1f %%", flame_kinds[kind].label,
				100.0 * (double)self[kind] / (double)whole);
		else
			snprintf(text, sizeof(text), "%s", flame_kinds[kind].label);
		buffer_printf(out,
			"<rect class=\"%c\" x=\"%.1f\" y=\"%g\" width=\"12\" height=\"12\" rx=\"2\"/>"
			"<text class=\"swatch\" x=\"%.1f\" y=\"%g\">%s</text>\n",
			flame_kinds[kind].letter, x, y, x + 17, y + 10, text);
		x += 17 + (double)strlen(text) * FACT_CELL_PX + 20;
	}
}

static void append_title(
	const struct flame_picture *picture, const char *title, const char *warning)
{
	CLEANUP(buffer_done) struct buffer fitted = {0};
	size_t cells = (size_t)((picture->width - 2 * FLAME_PAD) / TITLE_CELL_PX);
	size_t n_warning = *warning ? strlen(warning) + 3 : 0;

	text_fit_append(&fitted, title, cells > n_warning ? cells - n_warning : 0);
	buffer_printf(picture->out, "<text class=\"title\" x=\"%d\" y=\"26\">", FLAME_PAD);
	xml_append(picture->out, fitted.data ? fitted.data : "", fitted.size);
	if (*warning)
		buffer_printf(picture->out, "<tspan class=\"warn\"> — %s</tspan>", warning);
	buffer_append_text(picture->out, "</text>\n");
}

static void append_facts(const struct flame_picture *picture)
{
	const char *line = picture->facts.data, *end;
	unsigned y = FLAME_TITLE_ROW + 10;

	for (; line && (end = strchr(line, '\n')); line = end + 1) {
		buffer_printf(
			picture->out, "<text class=\"fact\" x=\"%d\" y=\"%u\">", FLAME_PAD, y);
		xml_append(picture->out, line, (size_t)(end - line));
		buffer_append_text(picture->out, "</text>\n");
		y += FLAME_FACT_ROW;
	}
}

void flame_append_description(const struct flame_picture *picture)
{
	const char *line = picture->facts.data, *end;

	for (; line && (end = strchr(line, '\n')); line = end + 1) {
		xml_append(picture->out, line, (size_t)(end - line));
		buffer_append_char(picture->out, ' ');
	}
}

void flame_append_footnote(const struct flame_picture *picture)
{
	int64_t whole = picture->tree->nodes[0].value;
	const struct layout *layout = &picture->layout;

	buffer_printf(picture->out, "<text class=\"fact status\" x=\"%d\" y=\"%u\">", FLAME_PAD,
		picture->height - 9);
	if (layout->n_hidden) {
		buffer_append_text(picture->out, "Not drawn: ");
		facts_append_count(layout->n_hidden, picture->out);
		buffer_printf(picture->out, " frames narrower than %g px, %.2f %% of the width. ",
			FLAME_BOX_MIN_PX,
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

void flame_append_head(const struct flame_picture *picture, const char *title, const char *warning)
{
	append_title(picture, title, warning);
	append_facts(picture);
	append_legend(picture);
}
