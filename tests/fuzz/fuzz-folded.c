/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as folded stacks. What is read and written reads back to the same text. */

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/folded.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL, *back = NULL;
	CLEANUP(buffer_done) struct buffer first = {}, second = {};
	const struct folded_options options = {.annotate = n % 2};
	struct profile_error error = {};

	if (folded_decode(bytes, n, &profile, &error))
		return 0;
	fuzz_use(profile);
	/* Marks can be spelled in names, so the first reading may differ; the second may not. */
	if (folded_encode(profile, &options, &first) ||
		folded_decode(first.data, first.size, &back, &error) ||
		folded_encode(back, &options, &second))
		abort();
	if (!options.annotate && profile->ledger.kept != back->ledger.kept)
		abort();
	return 0;
}
