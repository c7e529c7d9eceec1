/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * SipHash-2-4 with 128 bits of result (J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast
 * short-input PRF", 2012, and the authors' 128-bit variant): a keyed hash, so that who does not know
 * the key cannot make two things alike.
 */

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 16

struct digest {
	uint8_t bytes[DIGEST_SIZE];
};

struct digest digest_make(const struct digest *key, const void *bytes, size_t n);
