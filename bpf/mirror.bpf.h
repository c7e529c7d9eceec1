/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The other way to tell which file an address is in, where the kernel's tree of mappings has a layout
 * that is not known: user space keeps a table of each address space's executable mappings, made by
 * the iterator in process.bpf.h, and made again when perf events tell of a change. Until then it is
 * behind: for a fraction of a millisecond what was mapped last is missing, or what it replaced is
 * still there. Address spaces are told by a number that the kernel gives to one and never again, so
 * that neither fork, exec nor a pid's next owner can meet a table that is not theirs.
 */

/* Set before the object is loaded: the verifier drops the way that is not taken. */
const volatile bool use_mirror;

#define NEED_MAPPINGS_INTERVAL_NS 20000000ull

static __always_inline __u64 address_space(struct task_struct *task)
{
	return BPF_CORE_READ(task, mm, context.ctx_id);
}

/* Asks user space for the current task's mappings, if that was not done a moment ago. */
__noinline int mirror_ask(__u64 space, __u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	struct task_struct *task = bpf_get_current_task_btf();
	struct abi_space fresh = {.slot = ABI_SPACE_NO_SLOT}, *known;
	__u64 now = bpf_ktime_get_ns();
	struct abi_event *event;

	known = bpf_map_lookup_elem(&spaces, &space);
	if (!known) {
		bpf_map_update_elem(&spaces, &space, &fresh, BPF_NOEXIST);
		known = bpf_map_lookup_elem(&spaces, &space);
	}
	if (!scratch || !known ||
		(known->asked_ns && now - known->asked_ns < NEED_MAPPINGS_INTERVAL_NS))
		return 0;
	event = &scratch->event;
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = now;
	event->start_ns = task_start_ns(task);
	event->kind = ABI_EVENT_NEED_MAPPINGS;
	event->pid = task_pid(task);
	event->tid = task_tid(task);
	if (!bpf_ringbuf_output(&events, event, sizeof(*event), BPF_RB_FORCE_WAKEUP))
		known->asked_ns = now;
	return 0;
}

/*
 * The mapping of an address space that holds `address`, into scratch->mirrored. 0, or an enum
 * abi_stop. User space counts `sequence` up before and after it writes.
 */
__noinline int mirror_search(__u64 address, __u64 space, __u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	struct abi_space *known = bpf_map_lookup_elem(&spaces, &space);
	volatile struct abi_mirror *mirror;
	__u32 index = known ? known->slot : ABI_SPACE_NO_SLOT, first = 0, n, sequence;

	mirror = bpf_map_lookup_elem(&mirrors, &index);
	if (!scratch || !mirror)
		return ABI_STOP_NOT_MIRRORED;
	sequence = mirror->sequence;
	n = mirror->n;
	if (mirror->space != space || !n)
		return ABI_STOP_NOT_MIRRORED;
	for (int i = 0; i < ABI_MIRROR_BITS && n > 1; i++) {
		__u32 half = n / 2;

		if (mirror->mappings[(first + half) & (ABI_MIRROR_MAPPINGS - 1)].start <= address) {
			first += half;
			n -= half;
		} else {
			n = half;
		}
	}
	first &= ABI_MIRROR_MAPPINGS - 1;
	scratch->mirrored = *(struct abi_mapping *)&mirror->mappings[first];
	barrier();
	if (sequence & 1 || mirror->sequence != sequence)
		return ABI_STOP_RACE;
	if (address < scratch->mirrored.start || address >= scratch->mirrored.end)
		return ABI_STOP_NO_MAPPING;
	return 0;
}

/* Describes the mapping that was found. */
static __always_inline void mirror_describe(struct task_struct *task, struct scratch *scratch)
{
	struct mapping *mapping = &scratch->mapping;
	struct abi_mapping *mirrored = &scratch->mirrored;

	mapping->start = mirrored->start;
	mapping->end = mirrored->end;
	mapping->file_offset = mirrored->file_offset;
	mapping->is_executable = 1;
	mapping->file = 0;
	mapping->table = ABI_TABLE_NONE;
	mapping->is_asking = 0;
	if (mirrored->is_vdso) {
		mapping_set_vdso(mapping);
	} else if (mirrored->key.inode_address) {
		scratch->event.need.key = mirrored->key;
		mapping_set_file(task, mapping, NULL, &scratch->event);
	}
}

/* Writes an executable mapping that the iterator has come to, for user space to read. */
static __always_inline void mirror_tell(
	struct seq_file *seq, struct task_struct *task, struct vm_area_struct *vma)
{
	struct abi_mapped mapped;
	struct mapping mapping;
	struct file *file = mapping_read(vma, &mapping);

	if (!mapping.is_executable)
		return;
	__builtin_memset(&mapped, 0, sizeof(mapped));
	mapped.space = address_space(task);
	mapped.mapping.start = mapping.start;
	mapped.mapping.end = mapping.end;
	mapped.mapping.file_offset = mapping.file_offset;
	mapped.mapping.is_vdso = mapping.file == ABI_FILE_VDSO;
	if (file)
		file_key(file, &mapped.mapping.key);
	bpf_seq_write(seq, &mapped, sizeof(mapped));
}
