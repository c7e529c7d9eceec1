// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names come from programs that nobody here wrote, and pictures are opened in browsers: this file
 * is the only way by which a text enters one. Invariant: what it appends holds neither '<' nor '>'
 * nor a bare '&', no quotes but the two that enclose a JSON string, and only characters that XML
 * 1.0 allows (www.w3.org/TR/xml, production 2).
 */

#include "cli/render/xml.h"

#include <string.h>

#include "proto/base/utf8.h"

/* Length of the character at text if XML allows it, or 0; *ret_size is how far to go either way. */
static size_t allowed_sequence(const char *text, size_t n, size_t *ret_size)
{
	size_t size = utf8_sequence(text, n);
	unsigned char c = (unsigned char)text[0];

	*ret_size = size ? size : 1;
	if (!size || (size == 1 && (c < 0x20 || c == 0x7f)))
		return 0;
	if (size == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0)
		return 0;
	if (size == 3 &&
		(memcmp(text, "\xef\xbf\xbe", 3) == 0 || memcmp(text, "\xef\xbf\xbf", 3) == 0))
		return 0;
	return size;
}

static const char *entity_of(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static const char *json_escape_of(char c)
{
	switch (c) {
	case '<':
		return "\\u003c";
	case '>':
		return "\\u003e";
	case '&':
		return "\\u0026";
	case '"':
		return "\\u0022";
	case '\\':
		return "\\\\";
	default:
		return NULL;
	}
}

static void append_escaped(
	struct buffer *out, const char *text, size_t n, const char *(*escape_of)(char c))
{
	while (n) {
		size_t step, size = allowed_sequence(text, n, &step);
		const char *escape = escape_of(*text);

		if (!size)
			buffer_append_char(out, '?');
		else if (escape)
			buffer_append_text(out, escape);
		else
			buffer_append(out, text, size);
		text += step;
		n -= step;
	}
}

void xml_append(struct buffer *out, const char *text, size_t n)
{
	append_escaped(out, text, n, entity_of);
}

void xml_append_text(struct buffer *out, const char *text)
{
	xml_append(out, text, strlen(text));
}

void xml_append_json_string(struct buffer *out, const char *text)
{
	buffer_append_char(out, '"');
	append_escaped(out, text, strlen(text), json_escape_of);
	buffer_append_char(out, '"');
}
