/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Running call frame instructions (DWARF 5, 6.4.2; GNU's: Linux Standard Base Core 5.0, 10.5.2). */

#include "daemon/worker/cfi.h"

#define CFI_REMEMBERED_MAX 32 /* DW_CFA_remember_state within each other */

/* Rows of many functions, one after the other, and what became of them. */
struct cfi_rows {
	struct abi_row *rows;
	size_t n, n_allocated;
	size_t n_max; /* more are refused */
	size_t n_reasons[N_CFI_REASONS]; /* rows that came out so */
};

#define CFI_TOO_MANY_ROWS 1

/* Appends a row, unless it says the same as the one before it in this function, whose first row is
 * (or will be) first_row. 0, CFI_TOO_MANY_ROWS or -ENOMEM. */
int cfi_rows_push(struct cfi_rows *rows, size_t first_row, struct abi_row row);

/* Runs a CIE's program into cie->initial; false: it is malformed. */
bool cfi_program_initial(
	const struct cfi_section *section, struct cfi_cursor program, struct cfi_cie *cie);

/*
 * Appends the rows of one function whose first byte is at file offset pc, of which `size` bytes (at
 * least one) are wanted: at least one row, the first at pc, no two neighbours equal. A program that
 * turns out malformed is UNSUPPORTED from there on. 0, CFI_TOO_MANY_ROWS or -ENOMEM.
 */
int cfi_program_run(const struct cfi_section *section, const struct cfi_fde *fde, uint32_t pc,
	uint32_t size, struct cfi_rows *rows);
