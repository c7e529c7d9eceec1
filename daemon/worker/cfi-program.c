/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An interpreter that keeps three registers' rules. A row is made when the location moves on, from
 * the state as it is then, and dropped when it says the same as the one before. Instructions on
 * other registers are read and forgotten. Every instruction is at least one byte and makes at most
 * one row, so work and rows are bounded by the program's size. What makes no sense fails the
 * machine: cursor.is_bad, which ends the loop.
 */

#include "daemon/worker/cfi-program.h"

#include <dwarf.h>
#include <errno.h>

#include "proto/base/array.h"

struct machine {
	const struct cfi_section *section;
	const struct cfi_cie *cie;
	struct cfi_cursor cursor;
	struct cfi_state state;
	struct cfi_state initial; /* what DW_CFA_restore returns to */
	bool is_initial; /* runs a CIE's program: no locations, nothing to restore */
	uint64_t start, size; /* of the function */
	uint64_t location; /* from start; beyond size: done */
	uint32_t pc; /* file offset of start */
	bool is_dirty; /* the state may differ from the last row's */
	size_t first_row;
	struct cfi_rows *rows;
	int error; /* < 0 or CFI_TOO_MANY_ROWS */
	size_t n_remembered;
	struct cfi_state remembered[CFI_REMEMBERED_MAX];
};

static struct cfi_rule *find_rule(struct cfi_state *state, uint64_t reg)
{
	switch (reg) {
	case CFI_RBP:
		return &state->rbp;
	case CFI_RSP:
		return &state->rsp;
	case CFI_RA:
		return &state->ra;
	default:
		return NULL;
	}
}

static void set_rule(struct machine *machine, uint64_t reg, struct cfi_rule rule)
{
	struct cfi_rule *place = find_rule(&machine->state, reg);

	if (!place)
		return;
	*place = rule;
	machine->is_dirty = true;
}

static void set_kind(struct machine *machine, uint64_t reg, enum cfi_rule_kind kind, int64_t offset)
{
	set_rule(machine, reg, (struct cfi_rule){.kind = (uint8_t)kind, .offset = offset});
}

static void restore(struct machine *machine, uint64_t reg)
{
	struct cfi_rule *rule = find_rule(&machine->initial, reg);

	if (machine->is_initial)
		cfi_fail(&machine->cursor);
	else if (rule)
		set_rule(machine, reg, *rule);
}

/* Factored offsets wrap silently: what is out of range then is refused by cfi_state_row(). */
static int64_t scale(const struct machine *machine, uint64_t factor)
{
	return (int64_t)(factor * (uint64_t)machine->cie->data_alignment);
}

static int64_t read_scaled(struct machine *machine, bool is_signed)
{
	return scale(machine, cfi_read_leb(&machine->cursor, is_signed));
}

int cfi_rows_push(struct cfi_rows *rows, size_t first_row, struct abi_row row)
{
	int r;

	if (rows->n > first_row) {
		const struct abi_row *last = &rows->rows[rows->n - 1];

		if (last->kinds == row.kinds && last->cfa_offset == row.cfa_offset &&
			last->rbp_offset == row.rbp_offset)
			return 0;
	}
	if (rows->n == rows->n_max)
		return CFI_TOO_MANY_ROWS;
	r = array_reserve(&rows->rows, &rows->n_allocated, rows->n + 1, sizeof(*rows->rows));
	if (r < 0)
		return r;
	rows->rows[rows->n++] = row;
	return 0;
}

static void push_row(struct machine *machine, struct abi_row row)
{
	machine->error = cfi_rows_push(machine->rows, machine->first_row, row);
	if (machine->error)
		cfi_fail(&machine->cursor);
}

/* The state holds from the location on. */
static void make_row(struct machine *machine)
{
	struct abi_row row = {.pc = machine->pc + (uint32_t)machine->location};
	enum cfi_reason reason;

	if (!machine->is_dirty)
		return;
	machine->is_dirty = false;
	reason = cfi_state_row(&machine->state, machine->cie->is_signal, &row);
	machine->rows->n_reasons[reason]++;
	push_row(machine, row);
}

static void advance(struct machine *machine, uint64_t delta)
{
	uint64_t distance;

	if (machine->is_initial) {
		cfi_fail(&machine->cursor);
		return;
	}
	if (!delta)
		return;
	make_row(machine);
	if (__builtin_mul_overflow(delta, machine->cie->code_alignment, &distance) ||
		distance >= machine->size - machine->location) {
		machine->location = machine->size;
		machine->cursor.at = machine->cursor.end;
	} else {
		machine->location += distance;
	}
}

static void set_location(struct machine *machine)
{
	uint64_t address = cfi_read_pointer(
		machine->section, &machine->cursor, machine->cie->pointer_encoding);

	if (machine->is_initial || address < machine->start ||
		address - machine->start < machine->location) {
		cfi_fail(&machine->cursor);
	} else if (!machine->cursor.is_bad && address - machine->start > machine->location) {
		make_row(machine);
		machine->location = address - machine->start;
		if (machine->location >= machine->size) {
			machine->location = machine->size;
			machine->cursor.at = machine->cursor.end;
		}
	}
}

static void define_cfa(struct machine *machine, uint64_t reg, int64_t offset)
{
	machine->state.cfa = (struct cfi_cfa){.kind = CFI_CFA_REGISTER, .offset = offset};
	machine->state.cfa.reg = reg <= CFI_RA ? (uint8_t)reg : CFI_REGISTER_OTHER;
	machine->is_dirty = true;
}

/* One half of the CFA changes, which must be a register and an offset by now. */
static bool is_cfa_register(struct machine *machine)
{
	machine->is_dirty = true;
	if (machine->state.cfa.kind == CFI_CFA_REGISTER)
		return true;
	cfi_fail(&machine->cursor);
	return false;
}

static void remember(struct machine *machine)
{
	if (machine->n_remembered == CFI_REMEMBERED_MAX)
		cfi_fail(&machine->cursor);
	else
		machine->remembered[machine->n_remembered++] = machine->state;
}

static void recall(struct machine *machine)
{
	if (!machine->n_remembered) {
		cfi_fail(&machine->cursor);
		return;
	}
	machine->state = machine->remembered[--machine->n_remembered];
	machine->is_dirty = true;
}

static void step_cfa(struct machine *machine, uint8_t instruction)
{
	struct cfi_cursor *cursor = &machine->cursor;
	uint64_t reg;

	switch (instruction) {
	case DW_CFA_def_cfa:
		reg = cfi_read_uleb(cursor);
		define_cfa(machine, reg, (int64_t)cfi_read_uleb(cursor));
		break;
	case DW_CFA_def_cfa_sf:
		reg = cfi_read_uleb(cursor);
		define_cfa(machine, reg, read_scaled(machine, true));
		break;
	case DW_CFA_def_cfa_register:
		reg = cfi_read_uleb(cursor);
		if (is_cfa_register(machine))
			define_cfa(machine, reg, machine->state.cfa.offset);
		break;
	case DW_CFA_def_cfa_offset:
		if (is_cfa_register(machine))
			machine->state.cfa.offset = (int64_t)cfi_read_uleb(cursor);
		break;
	case DW_CFA_def_cfa_offset_sf:
		if (is_cfa_register(machine))
			machine->state.cfa.offset = read_scaled(machine, true);
		break;
	case DW_CFA_def_cfa_expression:
		machine->state.cfa = cfi_expression_cfa(cfi_read_block(cursor));
		machine->is_dirty = true;
		break;
	default:
		cfi_fail(cursor);
	}
}

static void step_rule(struct machine *machine, uint8_t instruction)
{
	struct cfi_cursor *cursor = &machine->cursor;
	uint64_t reg = cfi_read_uleb(cursor);
	uint64_t other;

	switch (instruction) {
	case DW_CFA_offset_extended:
		set_kind(machine, reg, CFI_AT_CFA, read_scaled(machine, false));
		break;
	case DW_CFA_offset_extended_sf:
		set_kind(machine, reg, CFI_AT_CFA, read_scaled(machine, true));
		break;
	case DW_CFA_GNU_negative_offset_extended:
		set_kind(machine, reg, CFI_AT_CFA, scale(machine, -cfi_read_uleb(cursor)));
		break;
	case DW_CFA_val_offset:
		set_kind(machine, reg, CFI_IS_CFA, read_scaled(machine, false));
		break;
	case DW_CFA_val_offset_sf:
		set_kind(machine, reg, CFI_IS_CFA, read_scaled(machine, true));
		break;
	case DW_CFA_restore_extended:
		restore(machine, reg);
		break;
	case DW_CFA_undefined:
		set_kind(machine, reg, CFI_UNDEFINED, 0);
		break;
	case DW_CFA_same_value:
		set_kind(machine, reg, CFI_SAME, 0);
		break;
	case DW_CFA_register:
		other = cfi_read_uleb(cursor);
		set_rule(machine, reg,
			(struct cfi_rule){.kind = CFI_IN_REGISTER,
				.reg = other <= CFI_RA ? (uint8_t)other : CFI_REGISTER_OTHER});
		break;
	case DW_CFA_expression:
		set_rule(machine, reg, cfi_expression_rule(cfi_read_block(cursor)));
		break;
	case DW_CFA_val_expression:
		cfi_read_block(cursor);
		set_kind(machine, reg, CFI_OTHER, 0);
		break;
	default:
		cfi_fail(cursor);
	}
}

static void step_extended(struct machine *machine, uint8_t instruction)
{
	struct cfi_cursor *cursor = &machine->cursor;

	switch (instruction) {
	case DW_CFA_nop:
		break;
	case DW_CFA_set_loc:
		set_location(machine);
		break;
	case DW_CFA_advance_loc1:
		advance(machine, cfi_read_fixed(cursor, 1));
		break;
	case DW_CFA_advance_loc2:
		advance(machine, cfi_read_fixed(cursor, 2));
		break;
	case DW_CFA_advance_loc4:
		advance(machine, cfi_read_fixed(cursor, 4));
		break;
	case DW_CFA_remember_state:
		remember(machine);
		break;
	case DW_CFA_restore_state:
		recall(machine);
		break;
	case DW_CFA_GNU_args_size:
		cfi_read_uleb(cursor);
		break;
	case DW_CFA_def_cfa:
	case DW_CFA_def_cfa_sf:
	case DW_CFA_def_cfa_register:
	case DW_CFA_def_cfa_offset:
	case DW_CFA_def_cfa_offset_sf:
	case DW_CFA_def_cfa_expression:
		step_cfa(machine, instruction);
		break;
	default:
		step_rule(machine, instruction);
	}
}

/* The three instructions with an operand in their low six bits come first: they are nearly all. */
static void execute(struct machine *machine)
{
	struct cfi_cursor *cursor = &machine->cursor;

	while (cursor->at != cursor->end) {
		uint8_t instruction = *cursor->at++;
		uint8_t operand = instruction & 0x3f;

		switch (instruction & 0xc0) {
		case DW_CFA_advance_loc:
			advance(machine, operand);
			break;
		case DW_CFA_offset:
			set_kind(machine, operand, CFI_AT_CFA,
				scale(machine, cfi_read_uleb(cursor)));
			break;
		case DW_CFA_restore:
			restore(machine, operand);
			break;
		default:
			step_extended(machine, instruction);
		}
	}
}

bool cfi_program_initial(
	const struct cfi_section *section, struct cfi_cursor program, struct cfi_cie *cie)
{
	struct machine machine;

	machine.section = section;
	machine.cie = cie;
	machine.cursor = program;
	machine.is_initial = true;
	machine.n_remembered = 0;
	machine.state = (struct cfi_state){0};
	execute(&machine);
	cie->initial = machine.state;
	return !machine.cursor.is_bad;
}

static void push_unsupported(struct machine *machine)
{
	machine->rows->n_reasons[CFI_BAD_PROGRAM]++;
	push_row(machine,
		(struct abi_row){.pc = machine->pc + (uint32_t)machine->location,
			.kinds = ABI_ROW_KINDS(ABI_CFA_UNSUPPORTED, ABI_RBP_SAME)});
}

int cfi_program_run(const struct cfi_section *section, const struct cfi_fde *fde, uint32_t pc,
	uint32_t size, struct cfi_rows *rows)
{
	struct machine machine; /* not zeroed: the stack of states is large and seldom used */

	machine.section = section;
	machine.cie = fde->cie;
	machine.cursor = fde->program;
	machine.state = machine.initial = fde->cie->initial;
	machine.is_initial = false;
	machine.start = fde->start;
	machine.size = size;
	machine.location = 0;
	machine.pc = pc;
	machine.is_dirty = true;
	machine.first_row = rows->n;
	machine.rows = rows;
	machine.error = 0;
	machine.n_remembered = 0;
	if (fde->cie->is_bad_program)
		push_unsupported(&machine);
	else
		execute(&machine);
	if (machine.error)
		return machine.error;
	if (machine.cursor.is_bad)
		push_unsupported(&machine);
	else if (machine.location < machine.size && !fde->cie->is_bad_program)
		make_row(&machine);
	return machine.error;
}
