/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "proto/base/buffer.h"

/*
 * Any bytes as XML 1.0 text, fit for content and for attributes in either quotes: markup is
 * escaped, and what XML forbids (control characters, invalid UTF-8, U+FFFE, U+FFFF) is '?'.
 */
void xml_append(struct buffer *out, const char *text, size_t n);
void xml_append_text(struct buffer *out, const char *text);

/*
 * Any bytes as a JSON string with its quotes that needs no escaping in XML or HTML either: '<', '>'
 * and '&' are written \u003c, \u003e and \u0026.
 */
void xml_append_json_string(struct buffer *out, const char *text);
