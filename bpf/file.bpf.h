/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The file of a mapping: told by a key that is made here only, numbered by whoever sees it first, and
 * asked for until user space has opened it.
 */

#define NEED_FILE_INTERVAL_NS 100000000ull

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
static __always_inline struct abi_file *file_find(const struct abi_file_key *key)
{
	struct abi_file *known, fresh = {};

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

static __always_inline void mapping_set_vdso(struct mapping *mapping)
{
	mapping->file = ABI_FILE_VDSO;
	mapping->table = vdso_table;
	mapping->file_offset = 0;
}

/* What a mapping says of itself; its file is left open. The file, where it is code of one. */
static __always_inline struct file *mapping_read(
	struct vm_area_struct *vma, struct mapping *mapping)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);
	struct mm_struct *mm = BPF_CORE_READ(vma, vm_mm);

	mapping->start = BPF_CORE_READ(vma, vm_start);
	mapping->end = BPF_CORE_READ(vma, vm_end);
	mapping->file_offset = BPF_CORE_READ(vma, vm_pgoff) << 12;
	mapping->is_executable = !!(BPF_CORE_READ(vma, vm_flags) & VM_EXEC);
	mapping->file = 0;
	mapping->table = ABI_TABLE_NONE;
	mapping->is_asking = 0;
	if (file)
		return mapping->is_executable ? file : NULL;
	if (mapping->start == (__u64)BPF_CORE_READ(mm, context.vdso))
		mapping_set_vdso(mapping);
	return NULL;
}

/*
 * Finds the mapping's file by the key in event->need, which is there and not on the scarce stack; asks
 * for it if nobody has it, by name where `file` is there.
 */
static __always_inline void mapping_set_file(struct task_struct *task, struct mapping *mapping,
	struct file *file, struct abi_event *event)
{
	struct abi_file *entry;

	mapping->is_asking = 1;
	entry = file_find(&event->need.key);
	if (!entry)
		return;
	mapping->is_asking = !entry->is_known;
	mapping->file = entry->id;
	mapping->table = entry->table;
	if (!file_is_wanted(entry, bpf_ktime_get_ns()))
		return;
	event->need.name[0] = '\0';
	if (file)
		bpf_probe_read_kernel_str(event->need.name, sizeof(event->need.name),
			BPF_CORE_READ(file, f_path.dentry, d_name.name));
	file_ask(task, mapping, entry, event);
}

/* Describes a mapping that was found. */
static __always_inline void mapping_describe(struct task_struct *task, struct vm_area_struct *vma,
	struct mapping *mapping, struct abi_event *event)
{
	struct file *file = mapping_read(vma, mapping);

	if (!file)
		return;
	file_key(file, &event->need.key);
	mapping_set_file(task, mapping, file, event);
}
