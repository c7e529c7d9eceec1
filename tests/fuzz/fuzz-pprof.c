/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as a pprof. What is read must hold together, and survive another trip as it is. */

#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/profile/pprof.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL, *back = NULL;
	CLEANUP(buffer_done) struct buffer out = {};
	struct profile_error error = {};

	if (pprof_decode(bytes, n, &profile, &error))
		return 0;
	fuzz_use(profile);
	if (pprof_encode(profile, &out) || pprof_decode(out.data, out.size, &back, &error))
		abort();
	fuzz_compare(profile, back);
	return 0;
}
