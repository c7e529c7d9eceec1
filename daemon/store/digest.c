/* SPDX-License-Identifier: GPL-2.0-or-later */

/* See digest.h. Numbers are little-endian, as this machine's are. */

#include "daemon/store/digest.h"

#include <string.h>

static uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

struct digest digest_make(const struct digest *key, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	uint64_t k[2], word, result[2], v[4];
	struct digest digest;

	memcpy(k, key->bytes, sizeof(k));
	v[0] = k[0] ^ UINT64_C(0x736f6d6570736575);
	v[1] = k[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee;
	v[2] = k[0] ^ UINT64_C(0x6c7967656e657261);
	v[3] = k[1] ^ UINT64_C(0x7465646279746573);
	for (size_t left = n; left >= 8; left -= 8, at += 8) {
		memcpy(&word, at, sizeof(word));
		absorb(v, word);
	}
	word = 0;
	memcpy(&word, at, n % 8);
	absorb(v, word | (uint64_t)n << 56);
	v[2] ^= 0xee;
	rounds(v, 4);
	result[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	rounds(v, 4);
	result[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
	memcpy(digest.bytes, result, sizeof(result));
	return digest;
}
