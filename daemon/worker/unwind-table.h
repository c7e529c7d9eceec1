/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The unwind table of one file: every function of its .eh_frame and .debug_frame as rows for the
 * kernel side (bpf/unwind-row.h).
 */

#include "daemon/worker/cfi-program.h"
#include "daemon/worker/elf-file.h"
#include "daemon/worker/go-unwind.h"

#define UNWIND_ROWS_MAX (8u << 18) /* in one table: what the kernel side's storage holds */
#define UNWIND_SECTION_BYTES_MAX (UINT64_C(256) << 20) /* uncompressed */
#define UNWIND_SECTIONS_MAX 4
#define UNWIND_BULK_BYTES (1u << 18) /* a gap in the code that is no oversight */
#define UNWIND_ENTRY_BYTES_MAX 256 /* entry code without an FDE is short and hand-written */

struct unwind_table {
	struct abi_row
		*rows; /* strictly sorted by pc, no two neighbours equal; the last is a GAP */
	size_t n;
	size_t n_go_functions;
	size_t n_fdes; /* in the sections, all that can be counted */
	size_t n_bad_fdes; /* unreadable: their functions are gaps */
	size_t n_outside; /* in no executable segment, or empty */
	size_t n_overlaps; /* FDEs cut or dropped for another one */
	size_t n_gaps_folded;
	uint64_t n_covered; /* bytes of functions that are described */
	size_t n_kinds[ABI_CFA_COUNT]; /* rows of each */
	size_t n_reasons[N_CFI_REASONS]; /* rows, before merging, that came out so */
};

/* Everything a table is made of, so that it can be made without an ELF file. */
struct unwind_input {
	const struct cfi_section *sections; /* of two that know an address the first is believed */
	size_t n_sections; /* at most UNWIND_SECTIONS_MAX */
	const struct go_code *go; /* believed before all sections; NULL: not made by Go */
	const struct elf_segment *segments; /* executable ones */
	size_t n_segments;
	uint64_t file_size; /* bytes */
	const uint8_t *image; /* all of them; NULL: only the sections are known */
	uint64_t entry; /* virtual address where the program starts; 0: none */
};

#define UNWIND_NONE 1 /* the file describes no frames */
#define UNWIND_TOO_LARGE 2 /* file, section or table beyond the limits */
#define UNWIND_FOREIGN 3 /* not 64-bit x86 code */

/* The caller frees with unwind_table_done(). 0, UNWIND_NONE, UNWIND_TOO_LARGE or -ENOMEM. */
int unwind_table_build(const struct unwind_input *input, struct unwind_table *ret_table);

/* The same for a file and the separate file with its debug information (NULL: none), whose
 * .debug_frame counts too. 0, UNWIND_NONE, UNWIND_TOO_LARGE, UNWIND_FOREIGN or -ENOMEM. */
int unwind_table_compile(const struct elf_file *file, const struct elf_file *debug_file,
	struct unwind_table *ret_table);

void unwind_table_done(struct unwind_table *table);
