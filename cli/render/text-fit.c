// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of C++ and Rust functions are longer than frames are wide, and their ends tell more than
 * their beginnings. The same rules are in flame-svg.js, for the widths that come up by zooming.
 */

#include "cli/render/text-fit.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"

#define CELLS_MIN 3

/* Coarse on purpose: the blocks that are wide in every font, and the common combining marks. */
static size_t sequence_cells(const char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t point;

	if (size < 2)
		return 1;
	if (size == 2)
		point = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
	else if (size == 3)
		point = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 |
			(p[2] & 0x3f);
	else
		return 2;
	if (point >= 0x300 && point < 0x370)
		return 0;
	return (point >= 0x1100 && point < 0x1160) || (point >= 0x2e80 && point < 0xd7a4) ||
			(point >= 0xf900 && point < 0xfb00) || (point >= 0xff00 && point < 0xff61)
		? 2
		: 1;
}

size_t text_fit_cells(const char *text, size_t n)
{
	size_t cells = 0;

	for (size_t i = 0; i < n;) {
		size_t size = utf8_sequence(text + i, n - i);

		cells += sequence_cells(text + i, size);
		i += size ? size : 1;
	}
	return cells;
}

/* The name without what stands in (…) and <…>; an operator's own brackets stay. */
static void append_bare(struct buffer *out, const char *name)
{
	int depth = 0;
	bool is_operator = false;

	for (const char *p = name; *p; p++) {
		if (strncmp(p, "operator", 8) == 0)
			is_operator = true;
		else if (*p == ':')
			is_operator = false;
		if ((*p == '(' || *p == '<') && p != name && !is_operator)
			depth++;
		if (depth == 0)
			buffer_append_char(out, *p);
		if ((*p == ')' || *p == '>') && depth > 0 && !(*p == '>' && p[-1] == '-'))
			depth--;
	}
	/* "name(int) const" leaves " const" behind. */
	if (out->size > 6 && strcmp(out->data + out->size - 6, " const") == 0)
		out->size -= 6;
	while (out->size && out->data[out->size - 1] == ' ')
		out->size--;
	if (out->data)
		out->data[out->size] = '\0';
}

/* Behind the first "::" that leaves no more than n_cells - 1, or NULL. */
static const char *drop_scopes(const char *name, size_t n_cells)
{
	for (const char *p = strstr(name, "::"); p; p = strstr(p + 2, "::")) {
		size_t n = strlen(p + 2);

		if (n > 1 && text_fit_cells(p + 2, n) + 1 <= n_cells)
			return p + 2;
	}
	return NULL;
}

/* Behind the last "::" that anything follows, or all. */
static const char *last_scope(const char *name)
{
	const char *last = name;

	for (const char *p = strstr(name, "::"); p; p = strstr(p + 2, "::")) {
		if (p[2])
			last = p + 2;
	}
	return last;
}

static void append_cut(struct buffer *out, const char *name, size_t n_cells)
{
	size_t cells = 0;

	while (*name) {
		size_t size = utf8_sequence(name, strlen(name)), step = size ? size : 1;

		cells += sequence_cells(name, size);
		if (cells > n_cells - 1)
			break;
		buffer_append(out, name, step);
		name += step;
	}
	buffer_append_text(out, "…");
}

void text_fit_append(struct buffer *out, const char *name, size_t n_cells)
{
	CLEANUP(buffer_done) struct buffer bare = {0};
	const char *inner;

	if (n_cells < CELLS_MIN)
		return;
	if (text_fit_cells(name, strlen(name)) <= n_cells) {
		buffer_append_text(out, name);
		return;
	}
	append_bare(&bare, name);
	if (buffer_error(&bare) < 0 || !bare.size) {
		append_cut(out, name, n_cells);
		return;
	}
	if (text_fit_cells(bare.data, bare.size) <= n_cells) {
		buffer_append(out, bare.data, bare.size);
		return;
	}
	inner = drop_scopes(bare.data, n_cells);
	if (inner) {
		buffer_append_text(out, "…");
		buffer_append_text(out, inner);
		return;
	}
	append_cut(out, last_scope(bare.data), n_cells);
}
