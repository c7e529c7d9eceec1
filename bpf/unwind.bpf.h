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
#define UNWIND_WINDOW_WORDS 64
#define UNWIND_WINDOW_BELOW 48

struct unwind {
	__u64 pc, sp, fp;
	__u32 is_exact; /* pc is where it runs, not a return address behind a call */
	__u32 is_fp_lost; /* fp is not the frame's: a callee did not say where it saved it */
	__u32 has_registers; /* all of the frame's are in `registers`: no callee has changed any */
	__u32 reserved;
	struct abi_row row; /* by which the step under way goes */
	__u64 window_start; /* address of window[0], a multiple of 8 */
	__u64 n_pairs; /* so many of its words have a neighbour above; 0: nothing was read */
	__u64 window[UNWIND_WINDOW_WORDS];
	__u64 registers[ABI_REGISTERS];
};

#define UNWIND_STOP(name) (ABI_STOP_##name + 1)

/*
 * What lies in memory is read anew behind this. The verifier knows nothing of what it reads there: ways
 * that differed in it are one from then on, and what follows is gone through once.
 */
#define unwind_forget() asm volatile("" ::: "memory")

/* The registers in the kernel's struct rt_sigframe (arch/x86/include/asm/sigframe.h), from the rsp
 * that the handler returns to, and their order (struct sigcontext_64, <asm/sigcontext.h>). */
#define SIGNAL_FRAME_REGISTERS 40
#define SIGNAL_R8 0 /* to r15 */
#define SIGNAL_RDI 8
#define SIGNAL_RSI 9
#define SIGNAL_RBP 10
#define SIGNAL_RBX 11
#define SIGNAL_RDX 12
#define SIGNAL_RAX 13
#define SIGNAL_RCX 14
#define SIGNAL_RSP 15
#define SIGNAL_RIP 16
#define SIGNAL_WORDS 17

/* Where the walk begins; `registers` and where it runs are the caller's to set. */
static __always_inline void unwind_begin(struct unwind *unwind, __u64 pc)
{
	unwind->pc = pc;
	unwind->sp = unwind->registers[ABI_REGISTER_RSP];
	unwind->fp = unwind->registers[ABI_REGISTER_RBP];
	unwind->is_fp_lost = 0;
	unwind->has_registers = 1;
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
		if (bpf_probe_read_user(
			    unwind->window, sizeof(unwind->window), (void *)unwind->window_start)) {
			/* An end of the stack is near: just what is needed. */
			unwind->window_start = address;
			unwind->n_pairs = 1;
			if (bpf_probe_read_user(unwind->window, 16, (void *)address)) {
				unwind->n_pairs = 0;
				return UNWIND_STOP(READ);
			}
		}
		unwind_forget();
		index = (address - unwind->window_start) / 8;
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
	unwind->has_registers = 0;
	return 0;
}

/*
 * What code is, where no table tells of it, may show in how it goes on: behind the call "add $n,%rsp; ret"
 * has its return address n bytes up. CPython's trampolines are like that (Python/asm_trampoline.S),
 * and keep no frame pointer. Gives that rule; false: it is other code.
 */
static __always_inline bool unwind_rule_of_code(
	const struct unwind *unwind, struct abi_row *ret_row)
{
	const __u64 add_rsp = 0xc48348, ret = 0xc3;
	__u64 code, n;

	if (unwind->is_exact || bpf_probe_read_user(&code, sizeof(code), (void *)unwind->pc))
		return false;
	n = code >> 24 & 0xff;
	if ((code & 0xffffff) != add_rsp || (code >> 32 & 0xff) != ret || n & 0x87)
		return false;
	ret_row->cfa_offset = (__s16)(n / 8 + 1);
	ret_row->rbp_offset = 0;
	ret_row->kinds = ABI_ROW_KINDS(ABI_CFA_RSP, ABI_RBP_SAME);
	return true;
}

/* The interrupted frame may lie anywhere: on another stack than the handler's. */
static __always_inline int unwind_signal_frame(struct unwind *unwind)
{
	const __u64 *saved = unwind->window;

	unwind->n_pairs = 0;
	if (bpf_probe_read_user(unwind->window, SIGNAL_WORDS * 8,
		    (void *)(unwind->sp + SIGNAL_FRAME_REGISTERS)))
		return UNWIND_STOP(READ);
	for (int i = 0; i < 8; i++)
		unwind->registers[8 + i] = saved[SIGNAL_R8 + i];
	unwind->registers[0] = saved[SIGNAL_RAX];
	unwind->registers[1] = saved[SIGNAL_RDX];
	unwind->registers[2] = saved[SIGNAL_RCX];
	unwind->registers[3] = saved[SIGNAL_RBX];
	unwind->registers[4] = saved[SIGNAL_RSI];
	unwind->registers[5] = saved[SIGNAL_RDI];
	unwind->registers[6] = saved[SIGNAL_RBP];
	unwind->registers[7] = saved[SIGNAL_RSP];
	unwind_begin(unwind, saved[SIGNAL_RIP]);
	unwind->is_exact = 1;
	return unwind->pc ? 0 : UNWIND_STOP(END);
}

/* The kinds of canonical frame address that are read from memory. 0, or the end of the walk. */
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

/* 0, or the end of the walk. */
static __always_inline int unwind_cfa(
	const struct unwind *unwind, struct abi_row row, __u64 *ret_cfa)
{
	__u64 offset = (__u64)(__s64)row.cfa_offset * 8;

	switch (ABI_ROW_CFA(row.kinds)) {
	case ABI_CFA_RSP:
		*ret_cfa = unwind->sp + offset;
		return 0;
	case ABI_CFA_RBP:
		*ret_cfa = unwind->fp + offset;
		return 0;
	case ABI_CFA_CLONE:
		*ret_cfa = unwind->sp + 8;
		return 0;
	case ABI_CFA_REGISTER:
		*ret_cfa = unwind->registers[ABI_ROW_REGISTER(row.cfa_offset)] +
			(__u64)(__s64)(row.cfa_offset >> ABI_ROW_REGISTER_BITS) * 8;
		return 0;
	case ABI_CFA_PLT:
		*ret_cfa = unwind->sp + 8 + ((unwind->pc & 15) >= (__u64)row.cfa_offset ? 8 : 0);
		return 0;
	default:
		return unwind_cfa_deref(unwind, row, ret_cfa);
	}
}

/*
 * The caller's rbp, when it is not the word that was read with the return address. gcc's rows of a
 * realigned frame go on to say *(rbp + o) when its end has restored rbp: that is seen by where rbp
 * points, which is no longer into the frame.
 */
static __always_inline int unwind_rbp(struct unwind *unwind, struct abi_row row, __u64 cfa)
{
	bool is_by_rbp = ABI_ROW_RBP(row.kinds) == ABI_RBP_RBP;
	__u64 slot = (is_by_rbp ? unwind->fp : cfa) + (__u64)(__s64)row.rbp_offset * 8;

	if (is_by_rbp && (slot < unwind->sp || slot >= cfa))
		return 0;
	return unwind_read_word(unwind, slot, &unwind->fp);
}

static __always_inline int unwind_needs_fp(struct abi_row row)
{
	__u32 kind = ABI_ROW_CFA(row.kinds);

	return kind == ABI_CFA_RBP || kind == ABI_CFA_RBP_DEREF || kind == ABI_CFA_RBP_DEREF_8 ||
		ABI_ROW_RBP(row.kinds) == ABI_RBP_RBP;
}

/* What the registers say where a row asks for them. 0, or the end of the walk. */
static __always_inline int unwind_check_registers(const struct unwind *unwind, struct abi_row row)
{
	__u32 kind = ABI_ROW_CFA(row.kinds);

	if (unwind->is_fp_lost && unwind_needs_fp(row))
		return UNWIND_STOP(LOST_RBP);
	if (kind != ABI_CFA_REGISTER && kind != ABI_CFA_CLONE)
		return 0;
	if (!unwind->has_registers)
		return UNWIND_STOP(LOST_REGISTER);
	/* The system call gives 0 to the child, which has nothing of the parent's stack. */
	if (kind == ABI_CFA_CLONE && !unwind->registers[ABI_REGISTER_RAX])
		return UNWIND_STOP(END);
	return 0;
}

static __always_inline int unwind_by_row(struct unwind *unwind, struct abi_row row)
{
	__u32 kind = ABI_ROW_CFA(row.kinds), rbp;
	bool is_rbp_below;
	__u64 cfa, low = 0, pc;
	int stop;

	unwind->row = row;
	if (kind == ABI_CFA_GAP)
		return UNWIND_STOP(NO_RULE);
	if (kind == ABI_CFA_END)
		return row.cfa_offset && unwind->is_exact ? UNWIND_STOP(RULE) : UNWIND_STOP(END);
	if (kind == ABI_CFA_CONTEXT)
		return UNWIND_STOP(CONTEXT);
	if (kind == ABI_CFA_SIGNAL)
		return unwind_signal_frame(unwind);
	stop = unwind_check_registers(unwind, row);
	if (stop)
		return stop;
	stop = unwind_cfa(unwind, row, &cfa);
	if (stop)
		return stop;
	unwind_forget();
	row = unwind->row;
	rbp = ABI_ROW_RBP(row.kinds);
	is_rbp_below = (rbp == ABI_RBP_CFA || rbp == ABI_RBP_CFA_ELSEWHERE) && row.rbp_offset == -2;
	if ((cfa <= unwind->sp && rbp != ABI_RBP_CFA_ELSEWHERE) || cfa & 7)
		return UNWIND_STOP(SP_BACK);
	/* One read for both: rbp is most often saved right below the return address. Where it is not,
	 * a stack may begin with the return address. */
	stop = unwind_read_pair(unwind, cfa - 16, &low, &pc);
	if (stop && !is_rbp_below)
		stop = unwind_read_word(unwind, cfa - 8, &pc);
	if (stop)
		return stop;
	if (is_rbp_below) {
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
	unwind->has_registers = 0;
	return pc ? 0 : UNWIND_STOP(END);
}
