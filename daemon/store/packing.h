/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How numbers become few bytes, and bytes fewer. */

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buffer.h"

/* Numbers of seven bits a byte, the lowest first. */
void varint_put(struct buffer *out, uint64_t value);
/* 0, or -EUCLEAN at the end. */
int varint_get(const uint8_t **at, const uint8_t *end, uint64_t *ret_value);

/* 0 or -ENOMEM. */
int deflate_append(struct buffer *out, const void *bytes, size_t size);
/* 0, or -EUCLEAN: it is damaged, or inflates to another size. */
int inflate_exactly(void *out, size_t out_size, const void *bytes, size_t size);
