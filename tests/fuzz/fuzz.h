/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the fuzz targets have in common: each is libFuzzer's entry point, and a program that replays
 * the files of a directory (replay.c). */

#include <stddef.h>
#include <stdint.h>

#include "proto/profile/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Does with a profile what its readers do; aborts where it contradicts itself. */
void fuzz_use(const struct profile *profile);

/* Aborts unless both have the same samples' worth of everything that is counted. */
void fuzz_compare(const struct profile *a, const struct profile *b);
