/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The address ranges of an entry: low and high address, or a list (DWARF 5, 2.17). */

#include "daemon/worker/dwarf-unit.h"

struct dwarf_ranges {
	struct dwarf_unit *unit;
	struct cfi_cursor list;
	uint64_t base;
	bool is_single, is_old; /* one range; a list of .debug_ranges */
	uint64_t start, end;
	uint32_t n_left; /* entries of lists that may still be read; the caller's to lower */
};

/* What an entry says about its code; values of DW_AT_low_pc, DW_AT_high_pc and DW_AT_ranges. */
void dwarf_ranges_init(struct dwarf_ranges *ranges, struct dwarf_unit *unit,
	const struct dwarf_value *low, const struct dwarf_value *high,
	const struct dwarf_value *list);

/* The next one that is not empty and not of code that the linker threw away; false: none, or n_left
 * is used up. */
bool dwarf_ranges_next(struct dwarf_ranges *ranges, uint64_t *ret_start, uint64_t *ret_end);
