/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the targets of both kinds of files have in common. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Reads the bytes as the worker does, the first half first; what comes out must satisfy the daemon's
 * checks, and be found again. */
void fuzz_jit(const uint8_t *bytes, size_t n, bool is_dump);
