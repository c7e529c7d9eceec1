/* SPDX-License-Identifier: GPL-2.0-or-later */

/* zlib, because it is the fastest to have where little is packed at a time. */

#include "daemon/store/packing.h"

#include <errno.h>
#include <zlib.h>

void varint_put(struct buffer *out, uint64_t value)
{
	uint8_t bytes[10];
	size_t n = 0;

	do {
		bytes[n++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
	buffer_append(out, bytes, n);
}

int varint_get(const uint8_t **at, const uint8_t *end, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
		uint8_t byte = *(*at)++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret_value = value;
			return 0;
		}
	}
	return -EUCLEAN;
}

int deflate_append(struct buffer *out, const void *bytes, size_t n)
{
	uLongf size = compressBound(n);
	char *room = buffer_reserve(out, size);

	if (!room)
		return -ENOMEM;
	if (compress2((Bytef *)room, &size, bytes ? bytes : (const Bytef *)"", n,
		    Z_DEFAULT_COMPRESSION) != Z_OK)
		return -ENOMEM;
	out->size += size;
	return 0;
}

int inflate_exactly(void *out, size_t out_size, const void *bytes, size_t size)
{
	uLongf inflated = out_size;

	return uncompress(out, &inflated, bytes, size) == Z_OK && inflated == out_size ? 0
										       : -EUCLEAN;
}
