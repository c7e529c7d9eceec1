/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which file is this address in? Asked of the kernel's own tree at the moment of the sample, or,
 * where that cannot be read, of the mirror. What the tree says is checked against the address, and
 * the mapping is read again after use.
 */

/*
 * What is here needs much of the stack, of which a chain of calls has 512 bytes: a function of its
 * own, and not below those that search.
 */
__noinline int mapping_take(__u64 vma, __u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	struct task_struct *task = bpf_get_current_task_btf();

	if (!scratch)
		return 0;
	if (use_mirror)
		mirror_describe(task, scratch);
	else
		mapping_describe(task, (void *)vma, &scratch->mapping, &scratch->event);
	return 0;
}

static __always_inline int mapping_find_mirrored(
	struct task_struct *task, struct scratch *scratch, __u64 address, __u32 slot)
{
	__u64 space = address_space(task);
	int stop = mirror_search(address, space, slot);

	scratch->mapping.end = 0;
	if (!stop)
		mapping_take(0, slot);
	else if (stop == ABI_STOP_NOT_MIRRORED)
		mirror_ask(space, slot);
	return stop;
}

/*
 * Finds the current task's mapping that holds `address`, into the scratch. 0, or an enum abi_stop:
 * NO_MAPPING, or RACE when the mapping changed under our eyes.
 */
__noinline int mapping_find(__u64 address, __u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct vm_area_struct *vma;
	struct mapping *mapping;

	if (!mm || !scratch)
		return ABI_STOP_NO_MM;
	if (use_mirror)
		return mapping_find_mirrored(task, scratch, address, slot);
	mapping = &scratch->mapping;
	vma = (void *)maple_find((__u64)BPF_CORE_READ(mm, mm_mt.ma_root), address, slot);
	if (!vma) {
		mapping->end = 0;
		return ABI_STOP_NO_MAPPING;
	}
	mapping_take((__u64)vma, slot);
	if (BPF_CORE_READ(vma, vm_mm) != mm || BPF_CORE_READ(vma, vm_start) != mapping->start ||
		BPF_CORE_READ(vma, vm_end) != mapping->end || address < mapping->start ||
		address >= mapping->end) {
		mapping->end = 0;
		return ABI_STOP_RACE;
	}
	return 0;
}

static __always_inline __u64 mapping_frame(const struct mapping *mapping, __u64 address)
{
	__u64 offset = address - mapping->start + mapping->file_offset;

	if (!mapping->file || mapping->table == ABI_TABLE_NO_PROGRAM ||
		offset > ABI_FRAME_OFFSET_MASK)
		return ABI_FRAME_ADDRESS | address;
	return (__u64)mapping->file << ABI_FRAME_OFFSET_BITS | offset;
}
