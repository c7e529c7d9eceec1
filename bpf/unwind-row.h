/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Unwind tables: rows sorted by file offset, each valid up to the next. Compiled by the sandboxed
 * worker from .eh_frame or .debug_frame (DWARF 5, 6.4; psABI x86-64, 3.7), read by the kernel side.
 * The return address always lies at CFA - 8; code whose rules cannot be said in a row is
 * UNSUPPORTED, and what no FDE covers is a GAP: never a neighbour's row.
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

/* How the canonical frame address (the caller's rsp) is found; o is cfa_offset * 8. */
enum abi_cfa {
	ABI_CFA_GAP, /* no function is here */
	ABI_CFA_RSP, /* rsp + o */
	ABI_CFA_RBP, /* rbp + o */
	ABI_CFA_PLT, /* rsp + 8, and 8 more when (rip & 15) >= cfa_offset (not times 8) */
	ABI_CFA_SIGNAL, /* the kernel's signal frame: all registers lie at rsp */
	ABI_CFA_RBP_DEREF, /* *(rbp + o) */
	ABI_CFA_RSP_DEREF_8, /* *(rsp + o) + 8 */
	ABI_CFA_RBP_DEREF_8, /* *(rbp + o) + 8 */
	ABI_CFA_END, /* the return address is undefined: the outermost frame; with a cfa_offset only
		      * behind a call: whoever runs there may not have changed stacks yet */
	ABI_CFA_UNSUPPORTED,
	ABI_CFA_REGISTER, /* any register + o, where all registers are known; see below */
	ABI_CFA_CLONE, /* behind clone's system call: rsp + 8 in the parent; the child begins here */
	ABI_CFA_CONTEXT, /* a context made by makecontext() begins here */
	ABI_CFA_COUNT
};

/* Where the caller's rbp is; o is rbp_offset * 8. */
enum abi_rbp {
	ABI_RBP_SAME, /* still in rbp */
	ABI_RBP_CFA, /* *(CFA + o) */
	ABI_RBP_RBP, /* *(rbp + o) */
	ABI_RBP_UNDEFINED, /* nobody knows */
	ABI_RBP_CFA_ELSEWHERE, /* *(CFA + o), and the CFA is on another stack, above or below */
	ABI_RBP_COUNT
};

/* DWARF's numbers of registers (psABI x86-64, 3.6.2). */
#define ABI_REGISTER_RAX 0
#define ABI_REGISTER_RBP 6
#define ABI_REGISTER_RSP 7
#define ABI_REGISTERS 16

/* ABI_CFA_REGISTER: the register's number in the low bits of cfa_offset, units of 8 bytes above. */
#define ABI_ROW_REGISTER_BITS 4
#define ABI_ROW_REGISTER(cfa_offset) ((cfa_offset)&15)

struct abi_row {
	__u32 pc; /* file offset of the first byte it is valid for */
	__s16 cfa_offset; /* in units of 8 bytes, but for PLT and REGISTER */
	__s8 rbp_offset; /* in units of 8 bytes */
	__u8 kinds; /* enum abi_cfa | enum abi_rbp << 4 */
};

#define ABI_ROW_CFA(kinds) ((kinds)&15)
#define ABI_ROW_RBP(kinds) ((kinds) >> 4)
#define ABI_ROW_KINDS(cfa, rbp) ((__u8)((cfa) | (rbp) << 4))

_Static_assert(sizeof(struct abi_row) == 8, "abi_row");
_Static_assert(ABI_CFA_COUNT <= 16 && ABI_RBP_COUNT <= 16, "kinds share a byte");
