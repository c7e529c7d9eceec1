/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the valid UTF-8 sequence at text (shortest form, no surrogates), or 0. n > 0. */
size_t utf8_sequence(const char *text, size_t n);

bool utf8_is_valid(const char *text, size_t n);

/*
 * In place: bytes that are no valid UTF-8, and control characters (C0, DEL, C1), become '?'.
 * What remains may be put into JSON, and shown on a terminal. Returns the new length (<= n).
 */
size_t utf8_sanitize(char *text, size_t n);
