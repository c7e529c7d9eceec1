/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as perf script text, and as a source of any format. */

#include "proto/base/cleanup.h"
#include "proto/profile/perf-script.h"
#include "proto/profile/source.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL, *source = NULL;
	struct profile_error error = {};

	if (!perf_script_decode(bytes, n, &profile, &error))
		fuzz_use(profile);
	if (!source_decode(bytes, n, &source, &error))
		fuzz_use(source);
	return 0;
}
