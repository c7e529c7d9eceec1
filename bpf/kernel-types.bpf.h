/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The few fields of kernel structs that we read, relocated by CO-RE when the object is loaded. A
 * name behind three underscores is another kernel version's form of the same struct.
 */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[];
};

struct uid_gid_extent {
	__u32 first, lower_first, count;
};

struct uid_gid_map {
	__u32 nr_extents;
	struct uid_gid_extent extent[1];
};

struct user_namespace {
	struct uid_gid_map uid_map, gid_map;
	struct ns_common ns;
};

typedef struct {
	__u32 val;
} kuid_t;

typedef struct {
	__u32 val;
} kgid_t;

typedef struct {
	__u64 val;
} kernel_cap_t;

struct cred {
	kuid_t uid, suid, euid;
	kgid_t gid, sgid, egid;
	kernel_cap_t cap_permitted;
	struct user_namespace *user_ns;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct super_block {
	__u32 s_dev;
};

struct timespec64 {
	long long tv_sec;
	long tv_nsec;
};

struct inode {
	unsigned long i_ino;
	__u32 i_generation;
	struct super_block *i_sb;
	long long i_ctime_sec; /* from 6.11 on */
	__u32 i_ctime_nsec;
};

struct inode___before_6_11 {
	struct timespec64 __i_ctime;
};

struct inode___before_6_6 {
	struct timespec64 i_ctime;
};

struct file {
	struct inode *f_inode;
	struct path f_path;
};

struct maple_tree {
	void *ma_root;
};

typedef struct {
	__u64 ctx_id; /* one for each address space, never given again */
	void *vdso;
} mm_context_t;

struct mm_struct {
	unsigned long start_stack;
	struct maple_tree mm_mt;
	mm_context_t context;
};

typedef struct {
	unsigned int sequence;
} seqcount_t;

/* Where each mapping has a lock of its own (CONFIG_PER_VMA_LOCK). */
struct mm_struct___from_6_13 {
	seqcount_t mm_lock_seq;
};

struct mm_struct___from_6_4 {
	int mm_lock_seq;
};

struct mm_struct___before_6_18 {
	unsigned long flags;
};

typedef struct {
	unsigned long __mm_flags[1];
} mm_flags_t;

struct mm_struct___from_6_18 {
	mm_flags_t flags;
};

struct vm_area_struct {
	unsigned long vm_start, vm_end, vm_flags, vm_pgoff;
	struct mm_struct *vm_mm;
	struct file *vm_file;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
};

struct sched_entity {
	__u64 sum_exec_runtime;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
	int level;
	struct cgroup *ancestors[]; /* from 6.1 on: level + 1, the last is itself */
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	unsigned int flags;
	struct mm_struct *mm;
	unsigned int in_execve : 1;
	int pid, tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	__u32 self_exec_id; /* how many programs it has executed */
	const struct cred *real_cred;
	char comm[16];
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct sched_entity se;
};

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip,
		cs, sp;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
};

#pragma clang attribute pop

/* What a perf_event program is given (uapi/linux/bpf_perf_event.h): fixed, not relocated. */
struct bpf_perf_event_data {
	struct {
		unsigned long before[17], cs, after[3];
	} regs;
};

#define PF_EXITING 0x00000004
#define PF_IO_WORKER 0x00000010
#define PF_USER_WORKER 0x00004000
#define PF_KTHREAD 0x00200000
#define VM_EXEC 0x00000004
#define SUID_DUMP_USER 1
#define MMF_DUMPABLE_MASK 3
#define USER32_CS 0x23
