/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where BPF programs begin and end. /proc/kallsyms has where each begins only, and nothing of classic
 * filters (those of seccomp and of sockets), whose code lies between them: without an end they would
 * have the name of the program before.
 */

/* include/linux/filter.h: BPF_MAX_SUBPROGS */
#define FUNCTIONS_MAX 256

static __always_inline void program_tell(struct seq_file *seq, struct bpf_prog *program)
{
	__u64 bounds[2];

	bounds[0] = (__u64)BPF_CORE_READ(program, bpf_func);
	bounds[1] = bounds[0] + BPF_CORE_READ(program, jited_len);
	bpf_seq_write(seq, bounds, sizeof(bounds));
}

struct functions {
	struct seq_file *seq;
	struct bpf_prog **at;
};

static long function_tell(__u32 i, struct functions *functions)
{
	struct bpf_prog *function;

	if (bpf_probe_read_kernel(&function, sizeof(function), functions->at + i) < 0)
		return 1;
	program_tell(functions->seq, function);
	return 0;
}

/* Whoever reads the iterator gets a pair of addresses of each program and each of its functions, the
 * first of the code and the one behind it; some come twice. */
SEC("iter/bpf_prog")
int on_program(struct bpf_iter__bpf_prog *ctx)
{
	struct functions functions = {.seq = ctx->meta->seq};
	struct bpf_prog *program = ctx->prog;
	__u32 n;

	if (!program)
		return 0;
	program_tell(functions.seq, program);
	n = BPF_CORE_READ(program, aux, func_cnt);
	functions.at = BPF_CORE_READ(program, aux, func);
	bpf_loop(n < FUNCTIONS_MAX ? n : FUNCTIONS_MAX, function_tell, &functions, 0);
	return 0;
}
