/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Stacks go back and forth between a few objects, and the next sample has the same ones: what was
 * found for a walk is kept. The kernel counts each change of a process's mappings (mm_lock_seq, since
 * 6.4): as long as that count, the process and its program are the same, so are the mappings. Where
 * the kernel has no such count, they are kept for one walk only.
 */

/* Fills in the count; false: there is none, or the mappings are being changed just now. */
static __always_inline bool mm_lock_sequence(struct mm_struct *mm, __u32 *ret_sequence)
{
	struct mm_struct___from_6_13 *from_6_13 = (void *)mm;
	struct mm_struct___from_6_4 *from_6_4 = (void *)mm;

	if (bpf_core_field_exists(from_6_13->mm_lock_seq)) {
		*ret_sequence = from_6_13->mm_lock_seq.sequence;
		return !(*ret_sequence & 1);
	}
	if (bpf_core_field_exists(from_6_4->mm_lock_seq)) {
		*ret_sequence = from_6_4->mm_lock_seq;
		return true;
	}
	return false;
}

/* At the start of a walk in `mm`: forgets what was of another process, or has changed since. */
static __always_inline void known_mappings_check(
	struct known_mappings *known, struct task_struct *task, struct mm_struct *mm)
{
	__u64 start_ns = task->group_leader->start_boottime, start_stack = mm->start_stack;
	__u32 sequence = 0, exec_id = task->self_exec_id, epoch = files_epoch;
	bool is_counted = mm_lock_sequence(mm, &sequence);

	if (is_counted && known->mm == (__u64)mm && known->start_ns == start_ns &&
		known->exec_id == exec_id && known->start_stack == start_stack &&
		known->lock_sequence == sequence && known->files_epoch == epoch)
		return;
	known->mm = is_counted ? (__u64)mm : 0;
	known->start_ns = start_ns;
	known->exec_id = exec_id;
	known->start_stack = start_stack;
	known->lock_sequence = sequence;
	known->files_epoch = epoch;
	for (int i = 0; i < KNOWN_MAPPINGS; i++)
		known->mappings[i].end = 0;
}

/*
 * mapping_find(), if it is not known. What user space has yet to answer for is asked for again each
 * time, and thus not kept.
 */
__noinline int mapping_recall(__u64 address, __u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	struct known_mappings *known;
	int stop;

	if (!scratch)
		return ABI_STOP_NO_MM;
	known = &scratch->known;
	for (__u32 i = 0; i < KNOWN_MAPPINGS; i++) {
		if (address < known->mappings[i].start || address >= known->mappings[i].end)
			continue;
		scratch->mapping = known->mappings[i];
		return 0;
	}
	stop = mapping_find(address, slot);
	if (!stop && !scratch->mapping.is_asking) {
		known->mappings[known->next & (KNOWN_MAPPINGS - 1)] = scratch->mapping;
		known->next++;
	}
	return stop;
}
