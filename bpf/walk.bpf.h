/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The user stack of the current task, frame by frame: each pc is looked up in the mappings (the
 * last one found is remembered) and leaves as (file, offset); the unwinder finds the caller.
 */

#define SYSCALL_RT_SIGRETURN 15 /* arch/x86/entry/syscalls/syscall_64.tbl */

/* May this task have a user stack that we can read? 0, or enum abi_stop + 1. */
static __always_inline int walk_refuses(
	struct task_struct *task, struct mm_struct *mm, struct pt_regs *regs)
{
	if (task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return ABI_STOP_KERNEL_THREAD + 1;
	/* Registers of the old image beside mappings of the new one. */
	if (BPF_CORE_READ_BITFIELD(task, in_execve))
		return ABI_STOP_EXEC + 1;
	if (!mm)
		return ABI_STOP_NO_MM + 1;
	if (regs->cs == USER32_CS)
		return ABI_STOP_COMPAT + 1;
	return 0;
}

/*
 * From the frame that the walk stands on to its caller. `at` is the address whose rule holds: pc
 * itself, or the byte before it where pc is a return address.
 */
static __always_inline int walk_unwind(struct scratch *scratch, __u64 at)
{
	const struct mapping *mapping = &scratch->mapping;
	union {
		__u64 bits;
		struct abi_row row;
	} found;

	if (!(scratch->flags & ABI_RECORDING_TABLES))
		return unwind_by_frame_pointer(&scratch->walk.unwind);
	if (!mapping->table)
		return ABI_STOP_NO_TABLE + 1;
	if (mapping->table < ABI_TABLE_NO_PROGRAM)
		found.bits = row_recall(
			scratch, mapping->table, at - mapping->start + mapping->file_offset);
	else if (!unwind_rule_of_code(&scratch->walk.unwind, &found.row))
		return unwind_by_frame_pointer(&scratch->walk.unwind);
	return unwind_by_row(&scratch->walk.unwind, found.row);
}

/*
 * Writes the frame that the walk stands on and goes to its caller. 0, or enum abi_stop + 1. All state
 * lies in the map, where the verifier tracks no range.
 */
static __always_inline int walk_step(struct scratch *scratch, __u32 slot)
{
	struct mapping *mapping = &scratch->mapping;
	struct walk *walk = &scratch->walk;
	__u64 *frame;
	/* A return address may be the first byte of the next function: its call is before it. */
	__u32 is_exact = walk->unwind.is_exact;
	__u64 at = walk->unwind.pc - !is_exact;
	int stop;

	if (walk->n >= walk->max)
		return ABI_STOP_DEPTH + 1;
	if (at < mapping->start || at >= mapping->end) {
		stop = mapping_recall(at, slot);
		if (stop)
			return stop + 1;
	}
	if (!mapping->is_executable)
		return ABI_STOP_NOT_EXECUTABLE + 1;
	frame = &scratch->frames[(walk->first + walk->n) & (SCRATCH_FRAMES - 1)];
	*frame = mapping_frame(mapping, at);
	walk->n++;
	stop = walk_unwind(scratch, at);
	/* Nobody has called it: the return address is its first byte. Only a signal's return leads
	 * to an exact address. */
	if (!is_exact && (stop == ABI_STOP_CONTEXT + 1 || walk->unwind.is_exact))
		*frame = mapping_frame(mapping, at + 1);
	return stop;
}

struct walking {
	struct scratch *scratch;
	__u32 slot;
};

static long walk_next(__u32 i, struct walking *walking)
{
	struct scratch *scratch = walking->scratch;

	scratch->walk.stop = walk_step(scratch, walking->slot);
	return scratch->walk.stop != 0;
}

/* In DWARF's order. */
static __always_inline void walk_registers(const struct pt_regs *regs, __u64 *ret_registers)
{
	ret_registers[0] = regs->ax;
	ret_registers[1] = regs->dx;
	ret_registers[2] = regs->cx;
	ret_registers[3] = regs->bx;
	ret_registers[4] = regs->si;
	ret_registers[5] = regs->di;
	ret_registers[6] = regs->bp;
	ret_registers[7] = regs->sp;
	ret_registers[8] = regs->r8;
	ret_registers[9] = regs->r9;
	ret_registers[10] = regs->r10;
	ret_registers[11] = regs->r11;
	ret_registers[12] = regs->r12;
	ret_registers[13] = regs->r13;
	ret_registers[14] = regs->r14;
	ret_registers[15] = regs->r15;
}

/* Stands on the innermost frame. 0, or enum abi_stop + 1. A global function: verified once. */
__noinline int walk_begin(__u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	struct mm_struct *mm = task->mm;
	struct unwind *unwind;
	int stop;

	if (!scratch)
		return ABI_STOP_DEPTH + 1;
	stop = walk_refuses(task, mm, regs);
	if (stop)
		return stop;
	unwind = &scratch->walk.unwind;
	scratch->mapping.end = 0;
	known_mappings_check(&scratch->known, task, mm);
	walk_registers(regs, unwind->registers);
	unwind_begin(unwind, regs->ip);
	/* The system call is the last that this function does: behind it is another, or none. */
	unwind->is_exact = regs->orig_ax != SYSCALL_RT_SIGRETURN;
	return 0;
}

/* Walks the current task's user stack into scratch->frames from index `first` on; says how it ended. */
static __always_inline __u16 walk_user(struct scratch *scratch, __u32 slot, __u32 first)
{
	struct walk *walk = &scratch->walk;
	struct walking walking = {scratch, slot};

	walk->n = 0;
	walk->max = scratch->flags & ABI_RECORDING_CALLERS ? user_frames_max : 1;
	walk->first = first;
	walk->stop = walk_begin(slot);
	if (!walk->stop)
		bpf_loop(ABI_USER_FRAMES_MAX + 1, walk_next, &walking, 0);
	return walk->stop ? walk->stop - 1 : ABI_STOP_DEPTH;
}
