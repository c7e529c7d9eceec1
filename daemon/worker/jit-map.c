/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The text map, a piece at a time. A piece is searched for whole lines; a line that fills a piece by
 * itself is taken as it is, and what is left of it then makes no line of its own.
 */

#include "daemon/worker/job-jit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

#define PIECE_BYTES (64u << 10)

/* A hexadecimal number and the blank behind it, with or without 0x. False: there is none. */
static bool hex_take(const char **at, const char *end, uint64_t *ret_value)
{
	const char *p = *at;
	uint64_t value = 0;
	int n = 0;

	if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	for (; p < end && n <= 16; p++, n++) {
		char c = (char)(*p | 0x20);

		if (*p >= '0' && *p <= '9')
			value = value << 4 | (uint64_t)(*p - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	if (!n || n > 16 || p == end || *p != ' ')
		return false;
	while (p < end && *p == ' ')
		p++;
	*at = p;
	*ret_value = value;
	return true;
}

static void line_take(const char *line, const char *end, struct jit_output *output)
{
	struct worker_jit_code code = {};

	if (!hex_take(&line, end, &code.address) || !hex_take(&line, end, &code.size))
		return;
	if (end > line && end[-1] == '\r')
		end--;
	code.name = jit_output_string(output, line, (size_t)(end - line));
	jit_output_code(output, &code);
}

/* How many bytes of the piece were used up. */
static size_t piece_take(const char *piece, size_t n, struct jit_output *output)
{
	const char *at = piece, *end = piece + n, *newline;

	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		line_take(at, newline, output);
		at = newline + 1;
	}
	if (at == piece && n == PIECE_BYTES) {
		line_take(at, end, output);
		at = end;
	}
	return (size_t)(at - piece);
}

int jit_map_read(int fd, uint64_t *position, struct jit_output *output)
{
	CLEANUP(freep) char *piece = malloc(PIECE_BYTES);

	if (!piece)
		return -ENOMEM;
	do {
		ssize_t n = pread(fd, piece, PIECE_BYTES, (off_t)*position);
		size_t used;

		if (n < 0)
			return WORKER_STATUS_FAILED;
		used = piece_take(piece, (size_t)n, output);
		if (!used)
			return 0;
		*position += used;
	} while (!jit_output_is_full(output));
	return 0;
}
