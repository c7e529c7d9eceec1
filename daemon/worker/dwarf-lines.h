/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The line table of one unit: which file and line an address is from (DWARF 5, 6.2). */

#include "daemon/worker/dwarf-unit.h"
#include "daemon/worker/jump-table.h"

struct dwarf_line_row {
	uint32_t delta; /* from the start of its sequence */
	uint32_t line;
	uint32_t file;
};

/* Addresses [start, end), without a gap. */
struct dwarf_line_sequence {
	uint64_t start, end;
	uint32_t first, n; /* of the rows */
};

struct dwarf_line_file {
	const char *name;
	uint64_t directory;
	char *path; /* made when it is first asked for */
};

struct dwarf_lines {
	uint8_t version;
	struct dwarf_line_row *rows;
	size_t n_rows, n_rows_allocated;
	struct dwarf_line_sequence *sequences; /* sorted */
	size_t n_sequences, n_sequences_allocated;
	struct jump_table jumps; /* to the sequences */
	const char **directories;
	size_t n_directories, n_directories_allocated;
	struct dwarf_line_file *files;
	size_t n_files, n_files_allocated;
	const char *unit_directory, *unit_name;
};

/* The table that the unit names; an empty one where there is none. 0 or -ENOMEM. */
int dwarf_lines_read(struct dwarf_unit *unit, struct dwarf_lines *ret_lines);
void dwarf_lines_done(struct dwarf_lines *lines);

/* False: the table does not cover the address. A line may be 0: code of no line. */
bool dwarf_lines_find(
	const struct dwarf_lines *lines, uint64_t address, uint32_t *ret_file, uint32_t *ret_line);

/* A file by the number that rows and DW_AT_call_file use, with its directories as recorded, or NULL.
 * Lives as long as the table. */
const char *dwarf_lines_path(struct dwarf_lines *lines, uint32_t file);
