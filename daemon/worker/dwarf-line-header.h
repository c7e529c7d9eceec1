/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The header of a line table: its parameters, directories and files (DWARF 5, 6.2.4). */

#include "daemon/worker/dwarf-lines.h"

struct dwarf_line_header {
	uint8_t version, instruction_size, line_range, opcode_base;
	int8_t line_base;
	uint8_t n_operands[256]; /* of standard opcodes */
	struct cfi_cursor program;
};

#define DWARF_LINE_HEADER_BAD 1

/* Fills directories and files of the table, too. 0, DWARF_LINE_HEADER_BAD, or -ENOMEM. */
int dwarf_line_header_read(
	struct dwarf_unit *unit, struct dwarf_lines *lines, struct dwarf_line_header *ret_header);

/* An entry of the list of files as it was until version 4. 0 or -ENOMEM. */
int dwarf_line_header_add_file(struct dwarf_lines *lines, struct cfi_cursor *cursor);
