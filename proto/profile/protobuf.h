/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * As much of protobuf's wire format as pprof needs (protobuf.dev, "Encoding"): fields are a tag,
 * number << 3 | type, and a varint, eight bytes, four bytes, or a length and that many bytes.
 */

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buffer.h"

enum protobuf_type {
	PROTOBUF_VARINT = 0,
	PROTOBUF_64 = 1,
	PROTOBUF_BYTES = 2,
	PROTOBUF_32 = 5,
};

/* Bytes still to be read. */
struct protobuf {
	const uint8_t *at, *end;
};

struct protobuf_field {
	uint32_t number;
	enum protobuf_type type;
	uint64_t value; /* of a number */
	struct protobuf bytes; /* of bytes; else empty */
};

enum {
	PROTOBUF_END = 1, /* nothing is left */
	PROTOBUF_MALFORMED = 2, /* it ends in the middle of a field, or is no protobuf */
};

/* Takes the next field. 0, PROTOBUF_END or PROTOBUF_MALFORMED. */
int protobuf_next(struct protobuf *in, struct protobuf_field *ret_field);

/* Takes a varint, for packed numbers. 0, PROTOBUF_END or PROTOBUF_MALFORMED. */
int protobuf_next_varint(struct protobuf *in, uint64_t *ret_value);

/* Each appends one field; a number of 0 is left out, as is its default. */
void protobuf_put_number(struct buffer *out, uint32_t number, uint64_t value);
void protobuf_put_bytes(struct buffer *out, uint32_t number, const void *bytes, size_t n);

/* Appends a bare varint. */
void protobuf_put_varint(struct buffer *out, uint64_t value);
