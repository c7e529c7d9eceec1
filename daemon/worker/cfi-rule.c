/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From rules to a row. A row must never say more than the rules: what does not fit is UNSUPPORTED
 * (the walk stops with a reason) or, for rbp alone, UNDEFINED. Rows without a CFA have all other
 * fields zero, so that equal rules are equal bytes.
 */

#include "daemon/worker/cfi-rule.h"

/* The kernel's frame (struct rt_sigframe, <asm/sigcontext.h>) seen from rsp at the trampoline's
 * first instruction: siginfo is behind it, the registers of the interrupted code before. */
#define SIGNAL_RBP 120
#define SIGNAL_RSP 160
#define SIGNAL_RIP 168

static bool fits(int64_t offset, int64_t max, int16_t *ret_scaled)
{
	if (offset & 7 || offset / 8 > max || offset / 8 < -max - 1)
		return false;
	*ret_scaled = (int16_t)(offset / 8);
	return true;
}

static bool is_at(const struct cfi_rule *rule, uint8_t reg, int64_t offset)
{
	return rule->kind == CFI_AT_REGISTER && rule->reg == reg && rule->offset == offset;
}

static enum cfi_reason signal_row(const struct cfi_state *state, struct abi_row *ret_row)
{
	if (state->cfa.kind != CFI_CFA_DEREF || state->cfa.reg != CFI_RSP ||
		state->cfa.offset != SIGNAL_RSP || state->cfa.addend ||
		!is_at(&state->ra, CFI_RSP, SIGNAL_RIP) || !is_at(&state->rbp, CFI_RSP, SIGNAL_RBP))
		return CFI_SIGNAL_OTHER;
	ret_row->kinds = ABI_ROW_KINDS(ABI_CFA_SIGNAL, ABI_RBP_SAME);
	return CFI_SUPPORTED;
}

static enum cfi_reason set_cfa_register(const struct cfi_cfa *cfa, struct abi_row *row)
{
	int16_t scaled;

	if (cfa->reg >= ABI_REGISTERS)
		return CFI_CFA_OTHER_REGISTER;
	if (!fits(cfa->offset, INT16_MAX >> ABI_ROW_REGISTER_BITS, &scaled))
		return CFI_CFA_RANGE;
	row->kinds = ABI_CFA_REGISTER;
	row->cfa_offset = (int16_t)(scaled * (1 << ABI_ROW_REGISTER_BITS) | cfa->reg);
	return CFI_SUPPORTED;
}

static enum cfi_reason set_cfa(const struct cfi_cfa *cfa, struct abi_row *row)
{
	switch (cfa->kind) {
	case CFI_CFA_REGISTER:
		if (cfa->reg != CFI_RSP && cfa->reg != CFI_RBP)
			return set_cfa_register(cfa, row);
		row->kinds = cfa->reg == CFI_RSP ? ABI_CFA_RSP : ABI_CFA_RBP;
		break;
	case CFI_CFA_PLT:
		row->kinds = ABI_CFA_PLT;
		row->cfa_offset = (int16_t)cfa->offset;
		return CFI_SUPPORTED;
	case CFI_CFA_DEREF:
		if (cfa->reg == CFI_RBP && !cfa->addend)
			row->kinds = ABI_CFA_RBP_DEREF;
		else if (cfa->reg == CFI_RBP && cfa->addend == 8)
			row->kinds = ABI_CFA_RBP_DEREF_8;
		else if (cfa->reg == CFI_RSP && cfa->addend == 8)
			row->kinds = ABI_CFA_RSP_DEREF_8;
		else
			return CFI_CFA_OTHER_EXPRESSION;
		break;
	case CFI_CFA_NONE:
		return CFI_BAD_PROGRAM;
	default:
		return CFI_CFA_OTHER_EXPRESSION;
	}
	return fits(cfa->offset, INT16_MAX, &row->cfa_offset) ? CFI_SUPPORTED : CFI_CFA_RANGE;
}

/* *(CFA + offset), also when it is written as *(reg + x) with CFA = reg + y. */
static bool is_at_cfa(const struct cfi_rule *rule, const struct cfi_cfa *cfa, int64_t *ret_offset)
{
	if (rule->kind == CFI_AT_CFA) {
		*ret_offset = rule->offset;
		return true;
	}
	return rule->kind == CFI_AT_REGISTER && cfa->kind == CFI_CFA_REGISTER &&
		rule->reg == cfa->reg &&
		!__builtin_sub_overflow(rule->offset, cfa->offset, ret_offset);
}

static enum cfi_reason set_rbp(const struct cfi_state *state, struct abi_row *row)
{
	const struct cfi_rule *rule = &state->rbp;
	enum abi_rbp kind = ABI_RBP_UNDEFINED;
	enum cfi_reason reason = CFI_SUPPORTED;
	int64_t offset = 0;
	int16_t scaled = 0;

	if (rule->kind == CFI_UNSPECIFIED || rule->kind == CFI_SAME ||
		(rule->kind == CFI_IN_REGISTER && rule->reg == CFI_RBP)) {
		kind = ABI_RBP_SAME;
	} else if (is_at_cfa(rule, &state->cfa, &offset)) {
		kind = ABI_RBP_CFA;
	} else if (rule->kind == CFI_AT_REGISTER && rule->reg == CFI_RBP) {
		kind = ABI_RBP_RBP;
		offset = rule->offset;
	} else if (rule->kind != CFI_UNDEFINED) {
		reason = CFI_RBP_OTHER;
	}
	if (!fits(offset, INT8_MAX, &scaled)) {
		kind = ABI_RBP_UNDEFINED;
		reason = CFI_RBP_RANGE;
		scaled = 0;
	}
	row->rbp_offset = (int8_t)scaled;
	row->kinds = ABI_ROW_KINDS(row->kinds, kind);
	return reason;
}

static enum cfi_reason ordinary_row(const struct cfi_state *state, struct abi_row *row)
{
	enum cfi_reason reason = set_cfa(&state->cfa, row);
	int64_t ra_offset = 0;

	if (reason != CFI_SUPPORTED)
		return reason;
	if (!is_at_cfa(&state->ra, &state->cfa, &ra_offset) || ra_offset != -8)
		return CFI_RA_ELSEWHERE;
	if (state->rsp.kind != CFI_UNSPECIFIED &&
		(state->rsp.kind != CFI_IS_CFA || state->rsp.offset))
		return CFI_RSP_ELSEWHERE;
	return CFI_SUPPORTED;
}

enum cfi_reason cfi_state_row(const struct cfi_state *state, bool is_signal, struct abi_row *row)
{
	enum cfi_reason reason;

	*row = (struct abi_row){.pc = row->pc};
	if (state->ra.kind == CFI_UNDEFINED) {
		row->kinds = ABI_ROW_KINDS(ABI_CFA_END, ABI_RBP_SAME);
		return CFI_SUPPORTED;
	}
	reason = is_signal ? signal_row(state, row) : ordinary_row(state, row);
	if (reason == CFI_SUPPORTED)
		return is_signal ? CFI_SUPPORTED : set_rbp(state, row);
	row->cfa_offset = 0;
	row->kinds = ABI_ROW_KINDS(ABI_CFA_UNSUPPORTED, ABI_RBP_SAME);
	return reason;
}
