/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as Go's table of functions and its code: the same bytes are both. Whatever comes out,
 * the daemon must accept it. */

#include <stdlib.h>

#include "daemon/unwind/validate.h"
#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define TEXT UINT64_C(0x1000)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(unwind_table_done) struct unwind_table table = {0};
	const struct elf_segment segment = {.offset = 0, .address = TEXT, .size = UINT32_MAX};
	struct go_code go = {.data = bytes, .size = n, .address = TEXT};
	const struct unwind_input input = {
		.go = &go, .segments = &segment, .n_segments = 1, .file_size = UINT32_MAX};
	int r;

	if (!go_functions_open(bytes, n, TEXT, &go.functions))
		return 0;
	r = unwind_table_build(&input, &table);
	if (r < 0 || r > UNWIND_TOO_LARGE)
		abort();
	if (!r && (rows_validate(table.rows, table.n, input.file_size) < 0 || !table.n))
		abort();
	return 0;
}
