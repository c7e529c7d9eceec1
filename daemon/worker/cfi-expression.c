/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Expressions are not evaluated but recognized: those that compilers and hand-written assembler
 * really use have a handful of shapes (operations: DWARF 5, 2.5). Linkers write the CFA of PLT
 * entries as rsp + 8 + ((rip & 15) >= n) * 8; gcc finds the CFA of a realigned stack by
 * *(rbp + o); OpenSSL's assembler keeps the old rsp on the stack: *(rsp + o) + 8. A shape that is
 * not here is CFI_OTHER, and its row UNSUPPORTED.
 */

#include "daemon/worker/cfi-rule.h"

#include <dwarf.h>

/* DW_OP_breg0..31 or DW_OP_bregx. */
static bool read_base(struct cfi_cursor *cursor, uint8_t *ret_register, int64_t *ret_offset)
{
	uint8_t operation = cfi_read_byte(cursor);
	uint64_t reg = (uint64_t)operation - DW_OP_breg0;

	if (operation == DW_OP_bregx)
		reg = cfi_read_uleb(cursor);
	else if (operation < DW_OP_breg0 || operation > DW_OP_breg31)
		return false;
	*ret_register = reg <= CFI_RA ? (uint8_t)reg : CFI_REGISTER_OTHER;
	*ret_offset = cfi_read_sleb(cursor);
	return !cursor->is_bad;
}

/* Nothing, DW_OP_plus_uconst n, or DW_OP_litN DW_OP_plus, and then the end. */
static bool read_addend(struct cfi_cursor *cursor, uint64_t *ret_addend)
{
	uint8_t operation;

	*ret_addend = 0;
	if (!cfi_left(cursor))
		return true;
	operation = cfi_read_byte(cursor);
	if (operation == DW_OP_plus_uconst)
		*ret_addend = cfi_read_uleb(cursor);
	else if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31 &&
		cfi_read_byte(cursor) == DW_OP_plus)
		*ret_addend = (uint64_t)operation - DW_OP_lit0;
	else
		return false;
	return !cursor->is_bad && !cfi_left(cursor);
}

static bool read_plt(const struct cfi_cursor *cursor, int64_t *ret_first)
{
	static const uint8_t before[] = {DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and};
	static const uint8_t after[] = {DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus};
	uint8_t literal;

	if (cfi_left(cursor) != sizeof(before) + 1 + sizeof(after) ||
		memcmp(cursor->at, before, sizeof(before)) != 0 ||
		memcmp(cursor->at + sizeof(before) + 1, after, sizeof(after)) != 0)
		return false;
	literal = cursor->at[sizeof(before)];
	if (literal < DW_OP_lit0 || literal > DW_OP_lit15)
		return false;
	*ret_first = literal - DW_OP_lit0;
	return true;
}

struct cfi_cfa cfi_expression_cfa(struct cfi_cursor expression)
{
	struct cfi_cfa cfa = {.kind = CFI_CFA_PLT};

	if (read_plt(&expression, &cfa.offset))
		return cfa;
	if (!read_base(&expression, &cfa.reg, &cfa.offset))
		return (struct cfi_cfa){.kind = CFI_CFA_OTHER};
	cfa.kind = CFI_CFA_REGISTER;
	if (!cfi_left(&expression))
		return cfa;
	cfa.kind = CFI_CFA_DEREF;
	if (cfi_read_byte(&expression) == DW_OP_deref && read_addend(&expression, &cfa.addend))
		return cfa;
	return (struct cfi_cfa){.kind = CFI_CFA_OTHER};
}

struct cfi_rule cfi_expression_rule(struct cfi_cursor expression)
{
	struct cfi_rule rule = {.kind = CFI_AT_REGISTER};

	if (read_base(&expression, &rule.reg, &rule.offset) && !cfi_left(&expression))
		return rule;
	return (struct cfi_rule){.kind = CFI_OTHER};
}
