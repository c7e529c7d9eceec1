/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Reading never passes `end`, whatever the bytes say: a length is compared with what is left. */

#include "proto/profile/protobuf.h"

#include <string.h>

#define VARINT_BYTES_MAX 10

int protobuf_next_varint(struct protobuf *in, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (in->at == in->end)
		return PROTOBUF_END;
	for (unsigned i = 0; i < VARINT_BYTES_MAX && in->at + i < in->end; i++) {
		uint8_t byte = in->at[i];

		/* Of the tenth byte only one bit has a place. */
		if (i == VARINT_BYTES_MAX - 1 && byte > 1)
			return PROTOBUF_MALFORMED;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		in->at += i + 1;
		*ret_value = value;
		return 0;
	}
	return PROTOBUF_MALFORMED;
}

static int fixed_next(struct protobuf *in, size_t n, uint64_t *ret_value)
{
	uint64_t value = 0;

	if ((size_t)(in->end - in->at) < n)
		return PROTOBUF_MALFORMED;
	for (size_t i = 0; i < n; i++)
		value |= (uint64_t)in->at[i] << (8 * i);
	in->at += n;
	*ret_value = value;
	return 0;
}

int protobuf_next(struct protobuf *in, struct protobuf_field *ret_field)
{
	struct protobuf_field field = {};
	uint64_t tag, size;
	int r = protobuf_next_varint(in, &tag);

	if (r)
		return r;
	if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
		return PROTOBUF_MALFORMED;
	field.number = (uint32_t)(tag >> 3);
	field.type = (enum protobuf_type)(tag & 7);
	switch (field.type) {
	case PROTOBUF_VARINT:
		r = protobuf_next_varint(in, &field.value);
		break;
	case PROTOBUF_64:
		r = fixed_next(in, 8, &field.value);
		break;
	case PROTOBUF_32:
		r = fixed_next(in, 4, &field.value);
		break;
	case PROTOBUF_BYTES:
		r = protobuf_next_varint(in, &size);
		if (r || size > (uint64_t)(in->end - in->at))
			return PROTOBUF_MALFORMED;
		field.bytes = (struct protobuf){.at = in->at, .end = in->at + size};
		in->at += size;
		break;
	default:
		return PROTOBUF_MALFORMED;
	}
	if (r)
		return PROTOBUF_MALFORMED;
	*ret_field = field;
	return 0;
}

void protobuf_put_varint(struct buffer *out, uint64_t value)
{
	char *at = buffer_reserve(out, VARINT_BYTES_MAX);

	if (!at)
		return;
	for (; value >= 0x80; value >>= 7)
		*at++ = (char)(value | 0x80);
	*at++ = (char)value;
	*at = '\0';
	out->size = (size_t)(at - out->data);
}

void protobuf_put_number(struct buffer *out, uint32_t number, uint64_t value)
{
	if (!value)
		return;
	protobuf_put_varint(out, (uint64_t)number << 3 | PROTOBUF_VARINT);
	protobuf_put_varint(out, value);
}

void protobuf_put_bytes(struct buffer *out, uint32_t number, const void *bytes, size_t n)
{
	protobuf_put_varint(out, (uint64_t)number << 3 | PROTOBUF_BYTES);
	protobuf_put_varint(out, n);
	buffer_append(out, bytes, n);
}
