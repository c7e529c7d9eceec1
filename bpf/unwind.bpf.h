/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One frame of a user stack, from callee to caller: no output, no maps; compiled a second time as
 * plain C for the tests. By a row of the unwind table, or by the frame pointer (psABI x86-64, 3.4.1:
 * at rbp lie the caller's rbp and the return address) where there is no table. Both return 0 when
 * `unwind` stands on the caller, else how the walk ends (enum abi_stop + 1).
 */

/*
 * Stack memory is read by the piece: a call into the kernel costs more than the bytes that it copies,
 * and a stack's frames lie one behind the other. A piece begins somewhat below the address that was
 * wanted, where the other registers of the same frame are saved.
 */
#define UNWIND_WINDOW_WORDS 32
#define UNWIND_WINDOW_BELOW 48

struct unwind {
	__u64 pc, sp, fp;
	__u32 is_exact; /* pc is where it runs, not a return address behind a call */
	__u32 is_fp_lost; /* fp is not the frame's: a callee did not say where it saved it */
	__u64 window_start; /* address of window[0], a multiple of 8 */
	__u64 n_pairs; /* so many of its words have a neighbour above; 0: nothing was read */
	__u64 window[UNWIND_WINDOW_WORDS];
};

#define UNWIND_STOP(name) (ABI_STOP_##name + 1)

/* rbp, rsp and rip in the kernel's struct rt_sigframe (arch/x86/include/asm/sigframe.h), from the
 * rsp that the handler returns to. */
#define SIGNAL_FRAME_RBP 120

struct signal_registers {
	__u64 rbp, rbx, rdx, rax, rcx, rsp, rip;
};

/* Where the walk begins; the registers are the caller's to set. */
static __always_inline void unwind_begin(struct unwind *unwind)
{
	unwind->is_fp_lost = 0;
	unwind->n_pairs = 0;
}

/* Two words at an address that is a multiple of 8. 0, or the end of the walk. */
static __always_inline int unwind_read_pair(
	struct unwind *unwind, __u64 address, __u64 *ret_low, __u64 *ret_high)
{
	__u64 index = (address - unwind->window_start) / 8;

	if (index >= unwind->n_pairs) {
		unwind->window_start = address - UNWIND_WINDOW_BELOW;
		unwind->n_pairs = UNWIND_WINDOW_WORDS - 1;
		index = UNWIND_WINDOW_BELOW / 8;
		if (bpf_probe_read_user(
			    unwind->window, sizeof(unwind->window), (void *)unwind->window_start)) {
			/* An end of the stack is near: just what is needed. */
			unwind->window_start = address;
			unwind->n_pairs = 1;
			index = 0;
			if (bpf_probe_read_user(unwind->window, 16, (void *)address)) {
				unwind->n_pairs = 0;
				return UNWIND_STOP(READ);
			}
		}
	}
	*ret_low = unwind->window[index & (UNWIND_WINDOW_WORDS - 1)];
	*ret_high = unwind->window[(index + 1) & (UNWIND_WINDOW_WORDS - 1)];
	return 0;
}

/* One word at any address. 0, or the end of the walk. */
static __always_inline int unwind_read_word(
	const struct unwind *unwind, __u64 address, __u64 *ret_word)
{
	__u64 index = (address - unwind->window_start) / 8;

	if (index < unwind->n_pairs && !(address & 7)) {
		*ret_word = unwind->window[index & (UNWIND_WINDOW_WORDS - 1)];
		return 0;
	}
	return bpf_probe_read_user(ret_word, 8, (void *)address) ? UNWIND_STOP(READ) : 0;
}

static __always_inline int unwind_by_frame_pointer(struct unwind *unwind)
{
	__u64 fp, pc;
	int stop;

	if (unwind->is_fp_lost)
		return UNWIND_STOP(LOST_RBP);
	if (!unwind->fp)
		return UNWIND_STOP(FP_END);
	if (unwind->fp < unwind->sp || unwind->fp & 7)
		return UNWIND_STOP(FP_BAD);
	stop = unwind_read_pair(unwind, unwind->fp, &fp, &pc);
	if (stop)
		return stop;
	if (!pc)
		return UNWIND_STOP(FP_END);
	/* Whether the saved rbp is a frame pointer too shows at the next step. */
	unwind->sp = unwind->fp + 16;
	unwind->fp = fp;
	unwind->pc = pc;
	unwind->is_exact = 0;
	return 0;
}

/* The interrupted frame may lie anywhere: on another stack than the handler's. */
static __always_inline int unwind_signal_frame(struct unwind *unwind)
{
	struct signal_registers saved;

	if (bpf_probe_read_user(&saved, sizeof(saved), (void *)(unwind->sp + SIGNAL_FRAME_RBP)))
		return UNWIND_STOP(READ);
	unwind->pc = saved.rip;
	unwind->sp = saved.rsp;
	unwind->fp = saved.rbp;
	unwind->is_exact = 1;
	unwind->is_fp_lost = 0;
	return saved.rip ? 0 : UNWIND_STOP(END);
}

/* The canonical frame address by kinds that need no memory; 0 for the others. */
static __always_inline __u64 unwind_cfa(const struct unwind *unwind, struct abi_row row)
{
	__u64 offset = (__u64)(__s64)row.cfa_offset * 8;

	switch (ABI_ROW_CFA(row.kinds)) {
	case ABI_CFA_RSP:
		return unwind->sp + offset;
	case ABI_CFA_RBP:
		return unwind->fp + offset;
	case ABI_CFA_PLT:
		return unwind->sp + 8 + ((unwind->pc & 15) >= (__u64)row.cfa_offset ? 8 : 0);
	default:
		return 0;
	}
}

/* The kinds that read it from memory. 0, or the end of the walk. */
static __always_inline int unwind_cfa_deref(
	const struct unwind *unwind, struct abi_row row, __u64 *ret_cfa)
{
	__u32 kind = ABI_ROW_CFA(row.kinds);
	__u64 base = kind == ABI_CFA_RSP_DEREF_8 ? unwind->sp : unwind->fp, value;
	int stop;

	if (kind != ABI_CFA_RBP_DEREF && kind != ABI_CFA_RSP_DEREF_8 && kind != ABI_CFA_RBP_DEREF_8)
		return UNWIND_STOP(RULE);
	stop = unwind_read_word(unwind, base + (__u64)(__s64)row.cfa_offset * 8, &value);
	if (stop)
		return stop;
	*ret_cfa = kind == ABI_CFA_RBP_DEREF ? value : value + 8;
	return 0;
}

/* The caller's rbp, when it is not the word that was read with the return address. */
static __always_inline int unwind_rbp(struct unwind *unwind, struct abi_row row, __u64 cfa)
{
	__u64 base = ABI_ROW_RBP(row.kinds) == ABI_RBP_CFA ? cfa : unwind->fp;

	return unwind_read_word(unwind, base + (__u64)(__s64)row.rbp_offset * 8, &unwind->fp);
}

static __always_inline int unwind_needs_fp(struct abi_row row)
{
	__u32 kind = ABI_ROW_CFA(row.kinds);

	return kind == ABI_CFA_RBP || kind == ABI_CFA_RBP_DEREF || kind == ABI_CFA_RBP_DEREF_8 ||
		ABI_ROW_RBP(row.kinds) == ABI_RBP_RBP;
}

static __always_inline int unwind_by_row(struct unwind *unwind, struct abi_row row)
{
	__u32 kind = ABI_ROW_CFA(row.kinds), rbp = ABI_ROW_RBP(row.kinds);
	__u64 cfa, low, pc;
	int stop;

	if (kind == ABI_CFA_GAP)
		return UNWIND_STOP(NO_RULE);
	if (kind == ABI_CFA_END)
		return row.cfa_offset && unwind->is_exact ? UNWIND_STOP(RULE) : UNWIND_STOP(END);
	if (kind == ABI_CFA_SIGNAL)
		return unwind_signal_frame(unwind);
	if (unwind->is_fp_lost && unwind_needs_fp(row))
		return UNWIND_STOP(LOST_RBP);
	cfa = unwind_cfa(unwind, row);
	if (!cfa) {
		stop = unwind_cfa_deref(unwind, row, &cfa);
		if (stop)
			return stop;
	}
	if (cfa <= unwind->sp || cfa & 7)
		return UNWIND_STOP(SP_BACK);
	/* One read for both: rbp is most often saved right below the return address. */
	stop = unwind_read_pair(unwind, cfa - 16, &low, &pc);
	if (stop)
		return stop;
	if (rbp == ABI_RBP_CFA && row.rbp_offset == -2) {
		unwind->fp = low;
		unwind->is_fp_lost = 0;
	} else if (rbp == ABI_RBP_CFA || rbp == ABI_RBP_RBP) {
		stop = unwind_rbp(unwind, row, cfa);
		if (stop)
			return stop;
		unwind->is_fp_lost = 0;
	} else if (rbp == ABI_RBP_UNDEFINED) {
		unwind->is_fp_lost = 1;
	}
	unwind->sp = cfa;
	unwind->pc = pc;
	unwind->is_exact = 0;
	return pc ? 0 : UNWIND_STOP(END);
}
