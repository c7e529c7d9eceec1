/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as call frame information: struct head says where they stand, the rest is the section,
 * or two of half its size. Whatever comes out, the daemon must accept it.
 */

#include <stdlib.h>

#include "daemon/unwind/validate.h"
#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define IS_DEBUG_FRAME 1
#define IS_OPEN_ENDED 2
#define IS_SPLIT 4 /* the second half is the other kind of section */

struct head {
	uint64_t flags, address, entry, base;
	struct {
		uint64_t offset, address, size;
	} segment;
};

static void check(const struct unwind_input *input, const struct unwind_table *table)
{
	size_t n = 0;

	if (rows_validate(table->rows, table->n, input->file_size) < 0 || !table->n)
		abort();
	for (size_t i = 1; i < table->n; i++) {
		if (!memcmp(&table->rows[i].cfa_offset, &table->rows[i - 1].cfa_offset, 4))
			abort();
	}
	for (size_t i = 0; i < ABI_CFA_COUNT; i++)
		n += table->n_kinds[i];
	if (n != table->n || table->n_bad_fdes + table->n_outside > table->n_fdes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(unwind_table_done) struct unwind_table table = {0};
	struct cfi_section sections[2];
	struct elf_segment segment;
	struct unwind_input input;
	struct head head;
	int r;

	if (n < sizeof(head))
		return 0;
	memcpy(&head, bytes, sizeof(head));
	bytes += sizeof(head);
	n -= sizeof(head);
	segment = (struct elf_segment){.offset = head.segment.offset,
		.address = head.segment.address,
		.size = head.segment.size};
	sections[0] = (struct cfi_section){.data = bytes,
		.size = n,
		.address = head.address,
		.text_base = head.base,
		.data_base = head.base,
		.is_debug_frame = head.flags & IS_DEBUG_FRAME,
		.is_open_ended = head.flags & IS_OPEN_ENDED};
	sections[1] = sections[0];
	sections[1].is_debug_frame = !sections[0].is_debug_frame;
	if (head.flags & IS_SPLIT) {
		sections[0].size = n / 2;
		sections[1].data += n / 2;
		sections[1].size -= n / 2;
	}
	input = (struct unwind_input){
		.sections = sections,
		.n_sections = head.flags & IS_SPLIT ? 2 : 1,
		.segments = &segment,
		.n_segments = 1,
		.file_size = UINT32_MAX - (head.flags >> 32),
		.entry = head.entry,
	};
	r = unwind_table_build(&input, &table);
	if (r < 0 || r > UNWIND_TOO_LARGE)
		abort();
	if (!r)
		check(&input, &table);
	return 0;
}
