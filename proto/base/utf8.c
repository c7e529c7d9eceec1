/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Names come from programs that nobody here wrote: this makes any bytes into printable UTF-8. */

#include "proto/base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t utf8_sequence(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t least, value;
	size_t size;

	if (p[0] < 0x80)
		return 1;
	if ((p[0] & 0xe0) == 0xc0)
		size = 2, least = 0x80, value = p[0] & 0x1f;
	else if ((p[0] & 0xf0) == 0xe0)
		size = 3, least = 0x800, value = p[0] & 0x0f;
	else if ((p[0] & 0xf8) == 0xf0)
		size = 4, least = 0x10000, value = p[0] & 0x07;
	else
		return 0;
	if (n < size)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (p[i] & 0x3f);
	}
	if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	return size;
}

bool utf8_is_valid(const char *text, size_t n)
{
	while (n) {
		size_t size = utf8_sequence(text, n);

		if (!size)
			return false;
		text += size;
		n -= size;
	}
	return true;
}

static bool is_control(const char *text, size_t size)
{
	unsigned char first = (unsigned char)text[0];

	if (size == 1)
		return first < 0x20 || first == 0x7f;
	return size == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0;
}

/* How many bytes from the start on are plain ASCII without control characters, to 8 bytes: most
 * texts are nothing else. */
static size_t plain_prefix(const char *text, size_t n)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
	size_t i = 0;

	for (; n - i >= 8; i += 8) {
		uint64_t word;

		memcpy(&word, text + i, 8);
		/* A byte below 0x20 borrows, 0x7f carries; bytes from 0x80 on have the bit. */
		if (((word - 0x20 * ones) | (word + ones) | word) & high)
			break;
	}
	return i;
}

size_t utf8_sanitize(char *text, size_t n)
{
	size_t in = plain_prefix(text, n), out = in;

	while (in < n) {
		size_t size = utf8_sequence(text + in, n - in);

		if (!size || is_control(text + in, size)) {
			text[out++] = '?';
			in += size ? size : 1;
			continue;
		}
		memmove(text + out, text + in, size);
		in += size;
		out += size;
	}
	if (out < n)
		text[out] = '\0';
	return out;
}
