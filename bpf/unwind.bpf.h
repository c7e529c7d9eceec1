/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One frame of a user stack, from callee to caller: no output, no maps. Follows the frame pointer
 * (x86-64 psABI, 3.4.1): at rbp lie the caller's rbp and the return address.
 */

/* 0 when `state` is the caller's now; else how the walk ends (enum abi_stop + 1). */
static __always_inline int unwind_step(struct walk *state)
{
	struct {
		__u64 fp, pc;
	} saved;

	if (!state->fp)
		return ABI_STOP_FP_END + 1;
	if (state->fp < state->sp || state->fp & 7)
		return ABI_STOP_FP_BAD + 1;
	if (bpf_probe_read_user(&saved, sizeof(saved), (void *)state->fp))
		return ABI_STOP_READ + 1;
	if (!saved.pc)
		return ABI_STOP_FP_END + 1;
	if (saved.fp && saved.fp <= state->fp)
		return ABI_STOP_FP_BAD + 1;
	state->sp = state->fp + 16;
	state->fp = saved.fp;
	state->pc = saved.pc;
	return 0;
}
