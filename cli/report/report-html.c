// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Markdown that cli/report writes, and no other, as HTML: headings, paragraphs, lists, tables,
 * quotes, blocks of code, pictures on lines of their own; within a line code, bold and emphasis. So
 * both forms say the same. Every text goes through xml.c.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/render/xml.h"
#include "cli/report/report.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

extern const char report_css[];

enum block { BLOCK_NONE, BLOCK_PARAGRAPH, BLOCK_LIST, BLOCK_TABLE, BLOCK_QUOTE, BLOCK_CODE };

struct writer {
	struct buffer *out;
	const char *svg;
	enum block block;
	unsigned n_rows; /* of the table at hand */
	uint64_t right; /* its columns that are aligned so */
};

static const struct {
	const char *begin, *end;
} blocks[] = {
	[BLOCK_NONE] = {"", ""},
	[BLOCK_PARAGRAPH] = {"<p>", "</p>\n"},
	[BLOCK_LIST] = {"<ul>\n", "</ul>\n"},
	[BLOCK_TABLE] = {"<div class=\"wide\"><table>\n", "</table></div>\n"},
	[BLOCK_QUOTE] = {"<blockquote>", "</blockquote>\n"},
	[BLOCK_CODE] = {"<pre>", "</pre>\n"},
};

static void block_set(struct writer *writer, enum block block)
{
	if (writer->block == block)
		return;
	buffer_append_text(writer->out, blocks[writer->block].end);
	buffer_append_text(writer->out, blocks[block].begin);
	writer->block = block;
	writer->n_rows = 0;
}

/* How far a mark at `at` goes: to its like, on this line; 0 if it has none. */
static size_t span_of(const char *at, size_t n, const char *mark)
{
	size_t size = strlen(mark);

	if (n < 2 * size || strncmp(at, mark, size) != 0)
		return 0;
	for (size_t i = size; i + size <= n; i++)
		if (strncmp(at + i, mark, size) == 0)
			return i + size;
	return 0;
}

/* A bar in a cell is written with a backslash, which goes. */
static void append_code(struct writer *writer, const char *text, size_t n)
{
	size_t begin = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		if (text[i] != '\\' || text[i + 1] != '|')
			continue;
		xml_append(writer->out, text + begin, i - begin);
		begin = i + 1;
	}
	xml_append(writer->out, text + begin, n - begin);
}

static void append_inline(struct writer *writer, const char *text, size_t n)
{
	static const struct {
		const char *mark, *tag;
	} spans[] = {{"`", "code"}, {"**", "b"}, {"*", "i"}};
	size_t begin = 0;

	for (size_t i = 0; i < n;) {
		size_t size = 0, kind = 0, mark;

		for (; kind < ARRAY_SIZE(spans) && !size; kind++)
			size = span_of(text + i, n - i, spans[kind].mark);
		if (!size) {
			i++;
			continue;
		}
		mark = strlen(spans[--kind].mark);
		xml_append(writer->out, text + begin, i - begin);
		buffer_printf(writer->out, "<%s>", spans[kind].tag);
		append_code(writer, text + i + mark, size - 2 * mark);
		buffer_printf(writer->out, "</%s>", spans[kind].tag);
		begin = i += size;
	}
	xml_append(writer->out, text + begin, n - begin);
}

/* Up to the next bar that is not written with a backslash. */
static size_t cell_size(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && (text[i] != '|' || (i && text[i - 1] == '\\')))
		i++;
	return i;
}

/* The rule under the head: "|---|--:|". */
static uint64_t right_columns(const char *rule)
{
	uint64_t right = 0;
	unsigned column = 0;

	for (const char *p = rule + 1; *p && *p != '\n'; p++) {
		if (*p == ':' && column < 64)
			right |= UINT64_C(1) << column;
		column += *p == '|';
	}
	return right;
}

static void append_table_row(struct writer *writer, const char *line, size_t n)
{
	const char *tag;
	unsigned column = 0;

	if (writer->block != BLOCK_TABLE)
		writer->right = right_columns(line + n + 1);
	block_set(writer, BLOCK_TABLE);
	/* The second row is the rule under the head. */
	if (writer->n_rows++ == 1)
		return;
	tag = writer->n_rows == 1 ? "th" : "td";
	buffer_append_text(writer->out, "<tr>");
	for (size_t i = 1; i < n; column++) {
		size_t size = cell_size(line + i, n - i), begin = i, end = i + size;

		while (begin < end && line[begin] == ' ')
			begin++;
		while (end > begin && line[end - 1] == ' ')
			end--;
		buffer_printf(writer->out, "<%s%s>", tag,
			column < 64 && writer->right >> column & 1 ? " class=\"n\"" : "");
		append_inline(writer, line + begin, end - begin);
		buffer_printf(writer->out, "</%s>", tag);
		i += size + 1;
	}
	buffer_append_text(writer->out, "</tr>\n");
}

/* "![alt](file)": the picture itself, without its declaration. */
static void append_picture(struct writer *writer)
{
	const char *begin = writer->svg ? strstr(writer->svg, "<svg") : NULL;

	block_set(writer, BLOCK_NONE);
	if (!begin)
		return;
	buffer_append_text(writer->out, "<figure>\n");
	buffer_append_text(writer->out, begin);
	buffer_append_text(writer->out, "</figure>\n");
}

static void append_heading(struct writer *writer, const char *line, size_t n)
{
	size_t level = strspn(line, "#");

	block_set(writer, BLOCK_NONE);
	buffer_printf(writer->out, "<h%zu>", level);
	append_inline(writer, line + level + 1, n - level - 1);
	buffer_printf(writer->out, "</h%zu>\n", level);
}

static void append_text_line(struct writer *writer, const char *line, size_t n)
{
	if (line[0] == '#') {
		append_heading(writer, line, n);
	} else if (line[0] == '|') {
		append_table_row(writer, line, n);
	} else if (text_starts_with(line, "![")) {
		append_picture(writer);
	} else if (text_starts_with(line, "- ")) {
		block_set(writer, BLOCK_LIST);
		buffer_append_text(writer->out, "<li>");
		append_inline(writer, line + 2, n - 2);
		buffer_append_text(writer->out, "</li>\n");
	} else if (text_starts_with(line, "> ")) {
		block_set(writer, BLOCK_QUOTE);
		append_inline(writer, line + 2, n - 2);
	} else {
		block_set(writer, BLOCK_PARAGRAPH);
		append_inline(writer, line, n);
		buffer_append_char(writer->out, '\n');
	}
}

static void append_line(struct writer *writer, const char *line, size_t n)
{
	bool is_fence = n == 3 && strncmp(line, "```", 3) == 0;

	if (writer->block == BLOCK_CODE && !is_fence) {
		xml_append(writer->out, line, n);
		buffer_append_char(writer->out, '\n');
	} else if (is_fence) {
		block_set(writer, writer->block == BLOCK_CODE ? BLOCK_NONE : BLOCK_CODE);
	} else if (!n) {
		block_set(writer, BLOCK_NONE);
	} else {
		append_text_line(writer, line, n);
	}
}

int report_append_html(const char *markdown, const char *title, const char *svg, struct buffer *out)
{
	struct writer writer = {.out = out, .svg = svg};
	const char *end;

	buffer_append_text(out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
	xml_append_text(out, title);
	buffer_append_text(out, "</title>\n<style>\n");
	buffer_append_text(out, report_css);
	buffer_append_text(out, "</style>\n</head>\n<body>\n");
	for (const char *line = markdown; (end = strchr(line, '\n')); line = end + 1)
		append_line(&writer, line, (size_t)(end - line));
	block_set(&writer, BLOCK_NONE);
	buffer_append_text(out, "</body>\n</html>\n");
	return buffer_error(out);
}
