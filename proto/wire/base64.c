/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Three bytes are four characters. Decoding takes the one spelling that encoding gives, and no
 * other, so that what passes is what was sent. */

#include "proto/wire/base64.h"

#include <errno.h>
#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buffer *buffer, const void *bytes, size_t n)
{
	size_t n_text = (n + 2) / 3 * 4;
	const uint8_t *in = bytes;
	char *out = buffer_reserve(buffer, n_text);

	if (!out)
		return;
	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t bits = (uint32_t)in[i] << 16;

		if (left > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			bits |= in[i + 2];
		*out++ = alphabet[bits >> 18];
		*out++ = alphabet[bits >> 12 & 63];
		*out++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		*out++ = left > 2 ? alphabet[bits & 63] : '=';
	}
	*out = '\0';
	buffer->size += n_text;
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Four characters, of which the last n_padding are '=', to 3 - n_padding bytes. */
static int decode_group(const char *text, size_t n_padding, char *out)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - n_padding ? value_of(text[i]) : 0;

		if (value < 0)
			return -EBADMSG;
		bits = bits << 6 | (uint32_t)value;
	}
	if (bits & ((UINT32_C(1) << 8 * n_padding) - 1))
		return -EBADMSG;
	for (size_t i = 0; i < 3 - n_padding; i++)
		out[i] = (char)(bits >> (16 - 8 * i) & 0xff);
	return 0;
}

int base64_decode(struct buffer *buffer, const char *text, size_t n)
{
	size_t n_padding = 0, n_bytes;
	char *out;
	int r;

	if (n % 4)
		return -EBADMSG;
	if (!n)
		return 0;
	if (text[n - 1] == '=')
		n_padding = text[n - 2] == '=' ? 2 : 1;
	n_bytes = n / 4 * 3 - n_padding;
	out = buffer_reserve(buffer, n_bytes);
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i += 4) {
		r = decode_group(text + i, i + 4 == n ? n_padding : 0, out + i / 4 * 3);
		if (r) {
			out[0] = '\0'; /* the buffer's own end */
			return r;
		}
	}
	buffer->size += n_bytes;
	buffer->data[buffer->size] = '\0';
	return 0;
}
