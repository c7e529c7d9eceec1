/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The program of a line table is run once, and of its rows those are kept at which something
 * changes; of several rows for one address the last counts, as it does for debuggers. A sequence is
 * code without a gap; those of code that the linker threw away start at 0 or at a tombstone. Rows
 * that go backwards end their sequence early: nothing in it can be searched then.
 */

#include "daemon/worker/dwarf-lines.h"

#include <dwarf.h>
#include <errno.h>
#include <stdio.h>

#include "daemon/worker/dwarf-line-header.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

#define PATH_BYTES_MAX 4096
/* Of one unit; the largest that are known have some hundred thousand. */
#define ROWS_MAX (1u << 23)

struct machine {
	struct dwarf_lines *lines;
	struct dwarf_line_header header;
	uint64_t address;
	uint64_t file;
	uint64_t line;
	/* The sequence that is being made. */
	bool is_open, is_spoiled;
	uint64_t start, last;
	uint32_t first;
};

static void reset(struct machine *machine)
{
	machine->address = 0;
	machine->file = 1;
	machine->line = 1;
	machine->is_open = machine->is_spoiled = false;
}

static int add_row(struct machine *machine)
{
	struct dwarf_lines *lines = machine->lines;
	struct dwarf_line_row row, *last;
	int r;

	if (!machine->is_open) {
		machine->is_open = true;
		machine->start = machine->last = machine->address;
		machine->first = (uint32_t)lines->n_rows;
		machine->is_spoiled = !machine->start || machine->start >= UINT64_MAX - 1;
	}
	if (machine->is_spoiled)
		return 0;
	if (machine->address < machine->last || machine->address - machine->start > UINT32_MAX ||
		lines->n_rows == ROWS_MAX) {
		machine->is_spoiled = true;
		return 0;
	}
	machine->last = machine->address;
	row = (struct dwarf_line_row){
		.delta = (uint32_t)(machine->address - machine->start),
		.file = machine->file > UINT32_MAX ? 0 : (uint32_t)machine->file,
		.line = machine->line > INT32_MAX ? 0 : (uint32_t)machine->line,
	};
	last = lines->n_rows > machine->first ? &lines->rows[lines->n_rows - 1] : NULL;
	if (last && last->delta == row.delta) {
		*last = row;
		return 0;
	}
	if (last && last->file == row.file && last->line == row.line)
		return 0;
	r = array_reserve(&lines->rows, &lines->n_rows_allocated, lines->n_rows + 1, sizeof(row));
	if (r < 0)
		return r;
	lines->rows[lines->n_rows++] = row;
	return 0;
}

static int end_sequence(struct machine *machine)
{
	struct dwarf_lines *lines = machine->lines;
	struct dwarf_line_sequence sequence = {.start = machine->start,
		.end = machine->address,
		.first = machine->first,
		.n = (uint32_t)(lines->n_rows - machine->first)};
	bool is_good = machine->is_open && !machine->is_spoiled && sequence.end > sequence.start;
	int r;

	if (!is_good && machine->is_open)
		lines->n_rows = machine->first;
	reset(machine);
	if (!is_good)
		return 0;
	r = array_reserve(&lines->sequences, &lines->n_sequences_allocated, lines->n_sequences + 1,
		sizeof(sequence));
	if (r < 0)
		return r;
	lines->sequences[lines->n_sequences++] = sequence;
	return 0;
}

static int run_extended(struct machine *machine, struct cfi_cursor *cursor)
{
	struct cfi_cursor block = cfi_read_block(cursor);

	switch (cfi_read_byte(&block)) {
	case DW_LNE_end_sequence:
		return end_sequence(machine);
	case DW_LNE_set_address:
		machine->address = cfi_read_fixed(&block, cfi_left(&block) == 4 ? 4 : 8);
		return 0;
	case DW_LNE_define_file:
		return dwarf_line_header_add_file(machine->lines, &block);
	default:
		return 0;
	}
}

static void advance(struct machine *machine, uint64_t operations)
{
	machine->address += operations * machine->header.instruction_size;
}

static int run_standard(struct machine *machine, struct cfi_cursor *cursor, uint8_t opcode)
{
	switch (opcode) {
	case DW_LNS_copy:
		return add_row(machine);
	case DW_LNS_advance_pc:
		advance(machine, cfi_read_uleb(cursor));
		return 0;
	case DW_LNS_advance_line:
		machine->line += (uint64_t)cfi_read_sleb(cursor);
		return 0;
	case DW_LNS_set_file:
		machine->file = cfi_read_uleb(cursor);
		return 0;
	case DW_LNS_const_add_pc:
		advance(machine, (255u - machine->header.opcode_base) / machine->header.line_range);
		return 0;
	case DW_LNS_fixed_advance_pc:
		machine->address += cfi_read_fixed(cursor, 2);
		return 0;
	default:
		for (uint8_t i = 0; i < machine->header.n_operands[opcode]; i++)
			cfi_read_uleb(cursor);
		return 0;
	}
}

static int run(struct machine *machine)
{
	const struct dwarf_line_header *header = &machine->header;
	struct cfi_cursor cursor = header->program;
	int r = 0;

	reset(machine);
	while (cfi_left(&cursor) && !r) {
		uint8_t opcode = cfi_read_byte(&cursor);

		if (opcode >= header->opcode_base) {
			opcode -= header->opcode_base;
			advance(machine, opcode / header->line_range);
			machine->line += (uint64_t)(header->line_base +
				opcode % header->line_range);
			r = add_row(machine);
		} else if (opcode == 0) {
			r = run_extended(machine, &cursor);
		} else {
			r = run_standard(machine, &cursor, opcode);
		}
	}
	return r;
}

static int compare(const void *left, const void *right)
{
	const struct dwarf_line_sequence *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

int dwarf_lines_read(struct dwarf_unit *unit, struct dwarf_lines *ret_lines)
{
	CLEANUP(dwarf_lines_done)
	struct dwarf_lines lines = {.unit_directory = unit->directory, .unit_name = unit->name};
	struct machine machine = {.lines = &lines};
	int r = 0;

	if (unit->has_lines)
		r = dwarf_line_header_read(unit, &lines, &machine.header);
	if (r < 0)
		return r;
	lines.version = machine.header.version;
	if (unit->has_lines && r != DWARF_LINE_HEADER_BAD) {
		r = run(&machine);
		if (r < 0)
			return r;
	}
	if (lines.n_sequences)
		qsort(lines.sequences, lines.n_sequences, sizeof(*lines.sequences), compare);
	jump_table_make(&lines.jumps,
		&(struct jump_records){
			lines.sequences, lines.n_sequences, sizeof(*lines.sequences)});
	array_trim(&lines.rows, &lines.n_rows_allocated, lines.n_rows, sizeof(*lines.rows));
	array_trim(&lines.sequences, &lines.n_sequences_allocated, lines.n_sequences,
		sizeof(*lines.sequences));
	*ret_lines = lines;
	lines = (struct dwarf_lines){};
	return 0;
}

void dwarf_lines_done(struct dwarf_lines *lines)
{
	for (size_t i = 0; i < lines->n_files; i++)
		free(lines->files[i].path);
	free(lines->rows);
	free(lines->sequences);
	jump_table_done(&lines->jumps);
	free(lines->directories);
	free(lines->files);
	*lines = (struct dwarf_lines){};
}

bool dwarf_lines_find(
	const struct dwarf_lines *lines, uint64_t address, uint32_t *ret_file, uint32_t *ret_line)
{
	const struct dwarf_line_sequence *sequence;
	size_t n = jump_table_find(&lines->jumps,
		&(struct jump_records){
			lines->sequences, lines->n_sequences, sizeof(*lines->sequences)},
		address);
	size_t low, high;

	if (!n || address >= lines->sequences[n - 1].end)
		return false;
	sequence = &lines->sequences[n - 1];
	low = sequence->first;
	high = sequence->first + sequence->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (lines->rows[middle].delta <= address - sequence->start)
			low = middle + 1;
		else
			high = middle;
	}
	/* The first row is at the sequence's start. */
	*ret_file = lines->rows[low - 1].file;
	*ret_line = lines->rows[low - 1].line;
	return true;
}

/* Joins what is not empty with slashes; an absolute part begins anew. */
static void join(char path[PATH_BYTES_MAX], const char *part)
{
	size_t n = *part == '/' ? 0 : strlen(path);

	snprintf(path + n, PATH_BYTES_MAX - n, "%s%s", n && path[n - 1] != '/' ? "/" : "", part);
}

const char *dwarf_lines_path(struct dwarf_lines *lines, uint32_t number)
{
	/* Until version 4 files and directories count from 1, directory 0 is the unit's. */
	bool is_old = lines->version < 5;
	uint64_t i = is_old ? (uint64_t)number - 1 : number;
	struct dwarf_line_file *file;
	char path[PATH_BYTES_MAX] = "";

	if (i >= lines->n_files)
		return NULL;
	file = &lines->files[i];
	if (!file->path && file->name) {
		uint64_t directory = is_old ? file->directory - 1 : file->directory;

		if (lines->unit_directory)
			join(path, lines->unit_directory);
		if (directory < lines->n_directories && lines->directories[directory])
			join(path, lines->directories[directory]);
		join(path, file->name);
		file->path = strdup(path);
	}
	return file->path;
}
