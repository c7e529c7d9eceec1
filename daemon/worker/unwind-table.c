/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From sections to a table in two passes: the interpreter appends each function's rows to one array
 * in the order of the section, and a range of file offsets remembers where; then the settled ranges
 * are walked in order and their rows copied into the table, with GAP rows between them, equal
 * neighbours merged.
 *
 * Gaps: a gap is left out only where the rules on both sides are equal and it is no more than the
 * padding before an aligned function. Anything longer could be code without an FDE, which a
 * neighbour's row would unwind wrongly.
 *
 * Invariants: rows are strictly sorted, neighbours differ, the last row is a GAP at the end of the
 * last function, every pc is at most the file's size.
 */

#include "daemon/worker/unwind-table.h"

#include <errno.h>

#include "daemon/worker/known-code.h"
#include "daemon/worker/unwind-ranges.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

#define FUNCTION_ALIGNMENT 16

/* Duplicates and neighbours are dropped only in the second pass. */
#define SCRATCH_ROWS_MAX (2 * (size_t)UNWIND_ROWS_MAX)

struct builder {
	const struct unwind_input *input;
	struct cfi_rows scratch;
	struct unwind_ranges ranges;
	struct unwind_table table;
	size_t n_allocated;
	uint32_t entry; /* file offset; UINT32_MAX: none */
};

static void builder_done(struct builder *builder)
{
	free(builder->scratch.rows);
	unwind_ranges_done(&builder->ranges);
	unwind_table_done(&builder->table);
}

/* Where [address, address + size) is in the file, cut at the end of its segment; false: nowhere. */
static bool locate(const struct unwind_input *input, uint64_t address, uint64_t size,
	struct unwind_range *ret_range)
{
	for (size_t i = 0; i < input->n_segments; i++) {
		const struct elf_segment *segment = &input->segments[i];
		uint64_t distance = address - segment->address;
		uint64_t left = segment->size - distance;
		uint64_t offset = segment->offset + distance;

		if (address < segment->address || distance >= segment->size || offset < distance ||
			offset >= input->file_size)
			continue;
		if (left > input->file_size - offset)
			left = input->file_size - offset;
		*ret_range = (struct unwind_range){.start = (uint32_t)offset,
			.end = (uint32_t)(offset + (size < left ? size : left))};
		return size > 0;
	}
	return false;
}

static int add_function(struct builder *builder, const struct cfi_section *section,
	const struct cfi_fde *fde, struct unwind_ranges *ranges)
{
	struct cfi_rows *scratch = &builder->scratch;
	struct unwind_range range;
	int r;

	/* Linkers leave 0 where they dropped the function. */
	if (!fde->start || !locate(builder->input, fde->start, fde->size, &range)) {
		builder->table.n_outside++;
		return 0;
	}
	range.first_row = (uint32_t)scratch->n;
	r = cfi_program_run(section, fde, range.start, range.end - range.start, scratch);
	if (r)
		return r == CFI_TOO_MANY_ROWS ? UNWIND_TOO_LARGE : r;
	range.n_rows = (uint32_t)scratch->n - range.first_row;
	return unwind_ranges_add(ranges, range);
}

static int add_go_function(struct builder *builder, struct go_code *code,
	const struct go_function *function, struct unwind_ranges *ranges)
{
	uint32_t before = go_unwind_is_sigreturn(code, function);
	struct unwind_range range;
	int r;

	if (!locate(builder->input, function->start - before, function->size + before, &range)) {
		builder->table.n_outside++;
		return 0;
	}
	range.first_row = (uint32_t)builder->scratch.n;
	r = go_unwind_run(code, function, range.start, range.end - range.start, &builder->scratch);
	if (r)
		return r == CFI_TOO_MANY_ROWS ? UNWIND_TOO_LARGE : r;
	range.n_rows = (uint32_t)builder->scratch.n - range.first_row;
	return unwind_ranges_add(ranges, range);
}

static int add_go(struct builder *builder)
{
	CLEANUP(unwind_ranges_done) struct unwind_ranges ranges = {0};
	struct go_code code = *builder->input->go;
	struct go_function function;
	size_t n_cut;
	int r;

	code.n_steps_left = SCRATCH_ROWS_MAX;
	for (size_t i = 0; i < code.functions.n; i++) {
		if (!go_functions_get(&code.functions, i, &function))
			continue;
		r = add_go_function(builder, &code, &function, &ranges);
		if (r)
			return r;
		builder->table.n_go_functions++;
	}
	r = unwind_ranges_settle(&ranges, &n_cut);
	if (r < 0)
		return r;
	builder->table.n_overlaps += n_cut;
	return unwind_ranges_fill(&builder->ranges, &ranges);
}

static int add_section(struct builder *builder, const struct cfi_section *section)
{
	CLEANUP(unwind_ranges_done) struct unwind_ranges ranges = {0};
	struct cfi_reader reader;
	struct cfi_fde fde;
	size_t n_cut;
	int r;

	if (section->size > UNWIND_SECTION_BYTES_MAX)
		return UNWIND_TOO_LARGE;
	cfi_reader_init(&reader, section);
	while (cfi_next(&reader, &fde)) {
		r = add_function(builder, section, &fde, &ranges);
		if (r)
			return r;
	}
	builder->table.n_fdes += reader.n_fdes;
	builder->table.n_bad_fdes += reader.n_bad_fdes;
	r = unwind_ranges_settle(&ranges, &n_cut);
	if (r < 0)
		return r;
	builder->table.n_overlaps += n_cut;
	return unwind_ranges_fill(&builder->ranges, &ranges);
}

static bool is_equal_rule(const struct abi_row *a, const struct abi_row *b)
{
	return a->kinds == b->kinds && a->cfa_offset == b->cfa_offset &&
		a->rbp_offset == b->rbp_offset;
}

static int push_row(struct builder *builder, struct abi_row row)
{
	struct unwind_table *table = &builder->table;
	int r;

	if (table->n && is_equal_rule(&table->rows[table->n - 1], &row))
		return 0;
	if (table->n == UNWIND_ROWS_MAX)
		return UNWIND_TOO_LARGE;
	r = array_reserve(&table->rows, &builder->n_allocated, table->n + 1, sizeof(row));
	if (r < 0)
		return r;
	table->rows[table->n++] = row;
	table->n_kinds[ABI_ROW_CFA(row.kinds)]++;
	return 0;
}

static int push_kind(struct builder *builder, uint32_t pc, enum abi_cfa kind)
{
	return push_row(
		builder, (struct abi_row){.pc = pc, .kinds = ABI_ROW_KINDS(kind, ABI_RBP_SAME)});
}

/* Code of so many bytes without a word about its frames was made by another generator than compilers:
 * V8's built-in functions. Those keep frame pointers. What comes before the first function is no code:
 * it may be headers. */
static bool is_bulk(const struct builder *builder, uint32_t start, uint32_t end)
{
	const struct unwind_input *input = builder->input;

	if (!builder->table.n || end - start < UNWIND_BULK_BYTES || end >= input->file_size)
		return false;
	for (size_t i = 0; i < input->n_segments; i++) {
		const struct elf_segment *segment = &input->segments[i];

		if (start >= segment->offset && end - segment->offset <= segment->size)
			return true;
	}
	return false;
}

/* [start, end) has no FDE. Where a program starts there is no caller: ld.so's _start. The last gap
 * ends with the file, and with a GAP in every case. */
static int push_gap(struct builder *builder, uint32_t start, uint32_t end)
{
	uint32_t entry = builder->entry;
	int r;

	if (start < end && builder->input->image &&
		known_code_is_clone(builder->input->image + start, end - start))
		return push_kind(builder, start, ABI_CFA_CLONE);
	if (is_bulk(builder, start, end))
		return push_row(builder,
			(struct abi_row){.pc = start,
				.kinds = ABI_ROW_KINDS(ABI_CFA_RBP, ABI_RBP_CFA),
				.cfa_offset = 2,
				.rbp_offset = -2});
	if (entry < start || entry >= end)
		return push_kind(builder, start, ABI_CFA_GAP);
	r = entry > start ? push_kind(builder, start, ABI_CFA_GAP) : 0;
	if (r)
		return r;
	r = push_kind(builder, entry, ABI_CFA_END);
	if (r || (end - entry <= UNWIND_ENTRY_BYTES_MAX && end < builder->input->file_size))
		return r;
	if (end - entry > UNWIND_ENTRY_BYTES_MAX)
		end = entry + UNWIND_ENTRY_BYTES_MAX;
	return push_kind(builder, end, ABI_CFA_GAP);
}

static bool is_padding(const struct builder *builder, uint32_t start, uint32_t end)
{
	return end % FUNCTION_ALIGNMENT == 0 && end - start < FUNCTION_ALIGNMENT &&
		(builder->entry < start || builder->entry >= end);
}

static bool is_context(const struct builder *builder, const struct unwind_range *range)
{
	const uint8_t *image = builder->input->image;

	return image && known_code_is_context(image + range->start, range->end - range->start);
}

/* Where a context ends, the return address is the function's first byte: the byte before it, where
 * calls are looked up, belongs to it too. */
static int push_context(struct builder *builder, uint32_t gap_start, uint32_t start)
{
	int r = 0;

	if (gap_start < start)
		start--;
	if (gap_start < start)
		r = push_gap(builder, gap_start, start);
	return r ? r : push_kind(builder, start, ABI_CFA_CONTEXT);
}

static int push_range(struct builder *builder, const struct unwind_range *range, uint32_t gap_start)
{
	const struct abi_row *rows = &builder->scratch.rows[range->first_row];
	struct unwind_table *table = &builder->table;
	size_t i = 0;
	int r = 0;

	if (is_context(builder, range))
		return push_context(builder, gap_start, range->start);
	while (i + 1 < range->n_rows && rows[i + 1].pc <= range->start)
		i++;
	if (gap_start < range->start) {
		if (table->n && is_padding(builder, gap_start, range->start) &&
			is_equal_rule(&table->rows[table->n - 1], &rows[i]))
			table->n_gaps_folded++;
		else
			r = push_gap(builder, gap_start, range->start);
	}
	for (; !r && i < range->n_rows && rows[i].pc < range->end; i++) {
		struct abi_row row = rows[i];

		if (row.pc < range->start)
			row.pc = range->start;
		r = push_row(builder, row);
	}
	return r;
}

static int fill_table(struct builder *builder)
{
	struct unwind_range entry;
	uint32_t covered = 0;

	builder->entry = UINT32_MAX;
	if (builder->input->entry && locate(builder->input, builder->input->entry, 1, &entry))
		builder->entry = entry.start;
	for (size_t i = 0; i < builder->ranges.n; i++) {
		int r = push_range(builder, &builder->ranges.ranges[i], covered);

		if (r)
			return r;
		covered = builder->ranges.ranges[i].end;
		builder->table.n_covered += covered - builder->ranges.ranges[i].start;
	}
	return push_gap(builder, covered, (uint32_t)builder->input->file_size);
}

int unwind_table_build(const struct unwind_input *input, struct unwind_table *ret_table)
{
	CLEANUP(builder_done) struct builder builder = {.input = input};
	struct unwind_table *table = &builder.table;
	int r;

	if (input->file_size > UINT32_MAX || input->n_sections > UNWIND_SECTIONS_MAX)
		return UNWIND_TOO_LARGE;
	builder.scratch.n_max = SCRATCH_ROWS_MAX;
	r = input->go ? add_go(&builder) : 0;
	if (r)
		return r;
	for (size_t i = 0; i < input->n_sections; i++) {
		r = add_section(&builder, &input->sections[i]);
		if (r)
			return r;
	}
	if (!builder.ranges.n)
		return UNWIND_NONE;
	r = fill_table(&builder);
	if (r)
		return r;
	memcpy(table->n_reasons, builder.scratch.n_reasons, sizeof(table->n_reasons));
	*ret_table = *table;
	*table = (struct unwind_table){0};
	return 0;
}

void unwind_table_done(struct unwind_table *table)
{
	free(table->rows);
	*table = (struct unwind_table){0};
}
