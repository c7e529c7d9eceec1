/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which file is this address in? Asked of the kernel at the moment of the sample: the process's
 * tree of mappings (a maple tree since 6.1, lib/maple_tree.c) is walked without its lock. The tree's
 * layout is no stable interface: user space holds a self-test against /proc/self/maps before it
 * trusts this. Freed nodes may be read, so what is found is checked against the address, and the
 * mapping is read again after use.
 */

#define MAPLE_LEVELS_MAX 12
#define MAPLE_TYPE(entry) ((__u32)((entry) >> 3) & 15)
#define MAPLE_LEAF_64 1
#define MAPLE_RANGE_64 2
#define MAPLE_ARANGE_64 3
#define NEED_FILE_INTERVAL_NS 100000000ull

/*
 * One level down: the slot of node `entry` whose range holds `address`, or 0. A function of its own
 * with plain numbers as arguments, so that the verifier walks it once and not once per call.
 */
__noinline __u64 maple_descend(__u64 entry, __u64 address, __u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	__u32 n_pivots = MAPLE_TYPE(entry) == MAPLE_ARANGE_64 ? 9 : 15, i;
	__u64 *node;

	if (!scratch)
		return 0;
	node = scratch->node;
	if (bpf_probe_read_kernel(node, 256, (void *)(entry & ~0xffull)))
		return 0;
	/* node[0] is the parent; pivots follow; a zero pivot ends a node that is not full. */
	for (i = 0; i < 15; i++) {
		__u64 pivot = node[1 + i];

		if (i >= n_pivots || pivot >= address || (!pivot && i))
			break;
	}
	return node[(1 + n_pivots + i) & 31];
}

/* The item of the maple tree that holds `address`, or 0. */
__noinline __u64 maple_find(__u64 root, __u64 address, __u32 slot)
{
	__u64 entry = root;

	/* Only the root carries bit 1; without it the tree is empty, or one item at address 0. */
	if (!(entry & 2))
		return 0;
	for (int level = 0; level < MAPLE_LEVELS_MAX; level++) {
		__u32 type = MAPLE_TYPE(entry);

		if (type != MAPLE_LEAF_64 && type != MAPLE_RANGE_64 && type != MAPLE_ARANGE_64)
			return 0;
		entry = maple_descend(entry, address, slot);
		if (type == MAPLE_LEAF_64)
			return entry;
	}
	return 0;
}

static __always_inline void inode_change_time(struct inode *inode, struct abi_file_key *key)
{
	struct inode___before_6_11 *before_6_11 = (void *)inode;
	struct inode___before_6_6 *before_6_6 = (void *)inode;

	if (bpf_core_field_exists(inode->i_ctime_sec)) {
		key->change_seconds = BPF_CORE_READ(inode, i_ctime_sec);
		/* The highest bit says that somebody asked for the time (since 6.13). */
		key->change_ns = BPF_CORE_READ(inode, i_ctime_nsec) & ~(1u << 31);
	} else if (bpf_core_field_exists(before_6_11->__i_ctime)) {
		key->change_seconds = BPF_CORE_READ(before_6_11, __i_ctime.tv_sec);
		key->change_ns = BPF_CORE_READ(before_6_11, __i_ctime.tv_nsec);
	} else if (bpf_core_field_exists(before_6_6->i_ctime)) {
		key->change_seconds = BPF_CORE_READ(before_6_6, i_ctime.tv_sec);
		key->change_ns = BPF_CORE_READ(before_6_6, i_ctime.tv_nsec);
	}
}

static __always_inline void file_key(struct file *file, struct abi_file_key *key)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	__builtin_memset(key, 0, sizeof(*key));
	key->inode_address = (__u64)inode;
	key->inode = BPF_CORE_READ(inode, i_ino);
	key->device = BPF_CORE_READ(inode, i_sb, s_dev);
	key->generation = BPF_CORE_READ(inode, i_generation);
	inode_change_time(inode, key);
}

/* The entry of a file, new if nobody has seen it. NULL when the table is full. */
static __always_inline struct abi_file *file_find(struct file *file, struct abi_file_key *key)
{
	struct abi_file *known, fresh = {};

	file_key(file, key);
	known = bpf_map_lookup_elem(&files, key);
	if (known)
		return known;
	fresh.id = __sync_fetch_and_add(&next_file_id, 1);
	if (fresh.id > ABI_FILE_ID_MAX)
		return NULL;
	bpf_map_update_elem(&files, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&files, key);
}

/* User space has not answered yet, and was not asked a moment ago. */
static __always_inline bool file_is_wanted(const struct abi_file *entry, __u64 now)
{
	return !entry->is_known &&
		(!entry->asked_ns || now - entry->asked_ns >= NEED_FILE_INTERVAL_NS);
}

/* Asks user space to open the file, whose key and name are in the event. */
static __always_inline void file_ask(struct task_struct *task, const struct mapping *mapping,
	struct abi_file *entry, struct abi_event *event)
{
	event->time_ns = bpf_ktime_get_ns();
	event->start_ns = task_start_ns(task);
	event->kind = ABI_EVENT_NEED_FILE;
	event->pid = task_pid(task);
	event->tid = task_tid(task);
	event->need.start = mapping->start;
	event->need.end = mapping->end;
	event->need.file_offset = mapping->file_offset;
	event->need.file = entry->id;
	if (!bpf_ringbuf_output(&events, event, sizeof(*event), BPF_RB_FORCE_WAKEUP))
		entry->asked_ns = event->time_ns;
}

/* Describes a mapping that was found; asks for its file if nobody has it. */
static __always_inline void mapping_describe(struct task_struct *task, struct vm_area_struct *vma,
	struct mapping *mapping, struct abi_event *event)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);
	struct mm_struct *mm = BPF_CORE_READ(vma, vm_mm);
	struct abi_file_key key;
	struct abi_file *entry;

	mapping->start = BPF_CORE_READ(vma, vm_start);
	mapping->end = BPF_CORE_READ(vma, vm_end);
	mapping->file_offset = BPF_CORE_READ(vma, vm_pgoff) << 12;
	mapping->is_executable = !!(BPF_CORE_READ(vma, vm_flags) & VM_EXEC);
	mapping->file = 0;
	mapping->table = ABI_TABLE_NONE;
	mapping->is_asking = 0;
	if (!file) {
		if (mapping->start == (__u64)BPF_CORE_READ(mm, context.vdso)) {
			mapping->file = ABI_FILE_VDSO;
			mapping->table = vdso_table;
			mapping->file_offset = 0;
		}
		return;
	}
	if (!mapping->is_executable)
		return;
	mapping->is_asking = 1;
	entry = file_find(file, &key);
	if (!entry)
		return;
	mapping->is_asking = !entry->is_known;
	mapping->file = entry->id;
	mapping->table = entry->table;
	if (!file_is_wanted(entry, bpf_ktime_get_ns()))
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->need.key = key;
	bpf_probe_read_kernel_str(event->need.name, sizeof(event->need.name),
		BPF_CORE_READ(file, f_path.dentry, d_name.name));
	file_ask(task, mapping, entry, event);
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
	mapping = &scratch->mapping;
	vma = (void *)maple_find((__u64)BPF_CORE_READ(mm, mm_mt.ma_root), address, slot);
	if (!vma) {
		mapping->end = 0;
		return ABI_STOP_NO_MAPPING;
	}
	mapping_describe(task, vma, mapping, &scratch->event);
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
