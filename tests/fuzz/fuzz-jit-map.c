/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as a perf-PID.map, which grows and is read again. */

#include "tests/fuzz/fuzz-jit.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	fuzz_jit(bytes, n, false);
	return 0;
}
