/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* RFC 4648, section 4: the standard alphabet, with padding. */

#include <stddef.h>

#include "proto/base/buffer.h"

/* Appends the text of n bytes. */
void base64_encode(struct buffer *buffer, const void *bytes, size_t n);

/*
 * Appends the bytes of n characters. 0, -EBADMSG for anything but exact base64 (foreign characters,
 * wrong length or padding, bits set behind the end; nothing is appended then), -ENOMEM.
 */
int base64_decode(struct buffer *buffer, const char *text, size_t n);
