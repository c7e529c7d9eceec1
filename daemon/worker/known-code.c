/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Bytes against patterns: instruction by instruction (Intel's manual, volume 2). */

#include "daemon/worker/known-code.h"

#include <string.h>

#define MATCH(code, n, at, ...)                                                                    \
	match(code, n, at, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* These bytes at *at, which moves behind them. */
static bool match(const uint8_t *code, size_t n, size_t *at, const uint8_t *bytes, size_t n_bytes)
{
	if (n - *at < n_bytes || memcmp(code + *at, bytes, n_bytes) != 0)
		return false;
	*at += n_bytes;
	return true;
}

/* A jump on a condition, by 8 or by 32 bits. */
static bool match_jump(const uint8_t *code, size_t n, size_t *at, uint8_t condition)
{
	size_t n_distance = 1;

	if (!MATCH(code, n, at, 0x70 | condition)) {
		if (!MATCH(code, n, at, 0x0f, 0x80 | condition))
			return false;
		n_distance = 4;
	}
	if (n - *at < n_distance)
		return false;
	*at += n_distance;
	return true;
}

bool known_code_is_clone(const uint8_t *code, size_t n)
{
	size_t at = 0;

	return MATCH(code, n, &at, 0x0f, 0x05) && /* syscall */
		MATCH(code, n, &at, 0x48, 0x85, 0xc0) && /* test rax, rax */
		match_jump(code, n, &at, 0xc) && /* jl: it failed */
		match_jump(code, n, &at, 0x4) && /* je: the child */
		MATCH(code, n, &at, 0xc3) && at == n; /* ret */
}

bool known_code_is_context(const uint8_t *code, size_t n)
{
	size_t at = 0;

	return MATCH(code, n, &at, 0x48, 0x89, 0xdc); /* mov rsp, rbx */
}
