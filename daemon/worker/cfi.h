/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The entries of .eh_frame (Linux Standard Base Core 5.0, 10.5 and 10.6) or .debug_frame (DWARF 5,
 * 6.4.1): common information entries (CIE) and frame description entries (FDE), 64-bit little
 * endian code only.
 */

#include "daemon/worker/cfi-rule.h"

/* The section's bytes, and what its pointers may be relative to. */
struct cfi_section {
	const uint8_t *data;
	size_t size;
	uint64_t address; /* of data[0]; no matter in .debug_frame */
	uint64_t text_base, data_base; /* 0: unknown, such pointers are refused */
	bool is_debug_frame;
	bool is_open_ended; /* its real end is unknown: the zero terminator ends it */
};

struct cfi_cie {
	size_t position; /* of its record in the section */
	bool is_cached;
	bool is_bad; /* its FDEs cannot be read */
	bool is_bad_program; /* its FDEs' ranges are known, their rules are not */
	bool is_signal, has_augmentation_size;
	uint8_t pointer_encoding; /* DW_EH_PE_... */
	uint64_t code_alignment;
	int64_t data_alignment;
	struct cfi_state initial;
};

struct cfi_fde {
	const struct cfi_cie *cie; /* until the next cfi_next() */
	uint64_t start, size; /* virtual addresses */
	struct cfi_cursor program;
};

#define CFI_CIES_CACHED 64 /* a power of two */

struct cfi_reader {
	const struct cfi_section *section;
	size_t position;
	uint64_t budget; /* bytes of CIEs that may still be read: entries that alternate between
			  * many of them must not cost more than a fixed multiple of the section */
	size_t n_fdes,
		n_bad_fdes; /* a bad one: of an unreadable CIE, or malformed before its program */
	struct cfi_cie cache[CFI_CIES_CACHED];
};

void cfi_reader_init(struct cfi_reader *reader, const struct cfi_section *section);

/* The next readable FDE; false: none is left, or the rest makes no sense. */
bool cfi_next(struct cfi_reader *reader, struct cfi_fde *ret_fde);

/* A pointer that stands at the cursor (DW_EH_PE_...); indirect ones are refused. */
uint64_t cfi_read_pointer(
	const struct cfi_section *section, struct cfi_cursor *cursor, uint8_t encoding);
