/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Reading hostile bytes forwards: a read beyond the end marks the cursor bad, gives 0 and moves to
 * the end, so that every loop over a cursor stops and one check afterwards is enough.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cfi_cursor {
	const uint8_t *at, *end;
	bool is_bad;
};

static inline uint64_t cfi_fail(struct cfi_cursor *cursor)
{
	cursor->is_bad = true;
	cursor->at = cursor->end;
	return 0;
}

static inline size_t cfi_left(const struct cfi_cursor *cursor)
{
	return (size_t)(cursor->end - cursor->at);
}

static inline uint8_t cfi_read_byte(struct cfi_cursor *cursor)
{
	if (cursor->at == cursor->end)
		return (uint8_t)cfi_fail(cursor);
	return *cursor->at++;
}

/* n bytes, at most 8, least significant first. */
static inline uint64_t cfi_read_fixed(struct cfi_cursor *cursor, size_t n)
{
	uint64_t value = 0;

	if (cfi_left(cursor) < n)
		return cfi_fail(cursor);
	memcpy(&value, cursor->at, n);
	cursor->at += n;
	return value;
}

static inline void cfi_skip(struct cfi_cursor *cursor, uint64_t n)
{
	if (cfi_left(cursor) < n)
		cfi_fail(cursor);
	else
		cursor->at += n;
}

/* LEB128 (DWARF 5, 7.6) of at most ten bytes; bits beyond 64 are dropped. */
static inline uint64_t cfi_read_leb(struct cfi_cursor *cursor, bool is_signed)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint64_t byte = cfi_read_byte(cursor);

		value |= (byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (is_signed && (byte & 0x40) && shift + 7 < 64)
			value |= ~UINT64_C(0) << (shift + 7);
		return value;
	}
	return cfi_fail(cursor);
}

static inline uint64_t cfi_read_uleb(struct cfi_cursor *cursor)
{
	if (cursor->at != cursor->end && !(*cursor->at & 0x80))
		return *cursor->at++;
	return cfi_read_leb(cursor, false);
}

static inline int64_t cfi_read_sleb(struct cfi_cursor *cursor)
{
	return (int64_t)cfi_read_leb(cursor, true);
}

/* A length and that many bytes, as a cursor of their own; an empty one when they are not there. */
static inline struct cfi_cursor cfi_read_block(struct cfi_cursor *cursor)
{
	uint64_t n = cfi_read_uleb(cursor);
	struct cfi_cursor block = {.at = cursor->at};

	cfi_skip(cursor, n);
	block.is_bad = cursor->is_bad;
	block.end = cursor->is_bad ? block.at : cursor->at;
	return block;
}
