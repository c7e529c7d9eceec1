/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the call frame instructions have said so far, about the three registers that matter. */

#include "bpf/unwind-row.h"
#include "daemon/worker/cfi-cursor.h"

#define CFI_RBP ABI_REGISTER_RBP
#define CFI_RSP ABI_REGISTER_RSP
#define CFI_RA 16 /* DWARF's column of the return address */
#define CFI_REGISTER_OTHER 255

enum cfi_rule_kind {
	CFI_UNSPECIFIED,
	CFI_UNDEFINED,
	CFI_SAME,
	CFI_AT_CFA, /* *(CFA + offset) */
	CFI_IS_CFA, /* CFA + offset */
	CFI_IN_REGISTER, /* in reg */
	CFI_AT_REGISTER, /* *(reg + offset) */
	CFI_OTHER,
};

struct cfi_rule {
	int64_t offset;
	uint8_t kind; /* enum cfi_rule_kind */
	uint8_t reg;
};

enum cfi_cfa_kind {
	CFI_CFA_NONE,
	CFI_CFA_REGISTER, /* reg + offset */
	CFI_CFA_PLT, /* rsp + 8 + ((rip & 15) >= offset) * 8 */
	CFI_CFA_DEREF, /* *(reg + offset) + addend */
	CFI_CFA_OTHER,
};

struct cfi_cfa {
	int64_t offset;
	uint64_t addend;
	uint8_t kind; /* enum cfi_cfa_kind */
	uint8_t reg;
};

struct cfi_state {
	struct cfi_cfa cfa;
	struct cfi_rule rbp, rsp, ra;
};

/* Why a row is UNSUPPORTED, or its rbp UNDEFINED although the program says where it is. */
enum cfi_reason {
	CFI_SUPPORTED,
	CFI_BAD_PROGRAM, /* instructions that are malformed, unknown or nested too deeply */
	CFI_CFA_OTHER_REGISTER, /* CFA from what is no general register */
	CFI_CFA_OTHER_EXPRESSION,
	CFI_CFA_RANGE, /* an offset that is no multiple of 8 or does not fit */
	CFI_RA_ELSEWHERE, /* the return address is not at CFA - 8 */
	CFI_RSP_ELSEWHERE, /* the caller's rsp is not the CFA */
	CFI_SIGNAL_OTHER, /* a signal frame that is not laid out as the kernel's */
	CFI_RBP_OTHER, /* rbp only: a rule that no row can say */
	CFI_RBP_RANGE, /* rbp only: as CFI_CFA_RANGE */
	N_CFI_REASONS
};

/* The expression after DW_CFA_def_cfa_expression; the kind is CFI_CFA_OTHER if no row can say it. */
struct cfi_cfa cfi_expression_cfa(struct cfi_cursor expression);

/* The expression after DW_CFA_expression: the address where a register is saved. */
struct cfi_rule cfi_expression_rule(struct cfi_cursor expression);

/* Fills all of the row but its pc; it is always a valid one. Returns why it says less than the
 * state does. */
enum cfi_reason cfi_state_row(const struct cfi_state *state, bool is_signal, struct abi_row *row);
