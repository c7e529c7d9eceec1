/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Who a task is: its numbers in perfd's pid namespace, its credentials. */

/* The number of `pid` as perfd sees it, or 0 if it is in no namespace below perfd's. */
static __always_inline __u32 pid_number(struct pid *pid)
{
	__u32 level = self_test.level;
	struct upid upid;

	if (!pid || BPF_CORE_READ(pid, level) < level)
		return 0;
	if (bpf_core_read(&upid, sizeof(upid), &pid->numbers[level]))
		return 0;
	if (BPF_CORE_READ(upid.ns, ns.inum) != self_test.pid_namespace)
		return 0;
	return upid.nr;
}

static __always_inline __u32 task_pid(struct task_struct *task)
{
	return pid_number(BPF_CORE_READ(task, group_leader, thread_pid));
}

static __always_inline __u32 task_tid(struct task_struct *task)
{
	return pid_number(BPF_CORE_READ(task, thread_pid));
}

static __always_inline __u64 task_start_ns(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

/* The low bits of the flags of a process's memory say who may look into it (SUID_DUMP_…). */
static __always_inline bool task_is_dumpable(struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct mm_struct___before_6_18 *before_6_18 = (void *)mm;
	struct mm_struct___from_6_18 *from_6_18 = (void *)mm;
	__u64 flags = 0;

	if (!mm)
		return false;
	if (bpf_core_field_exists(from_6_18->flags))
		bpf_core_read(&flags, sizeof(flags), &from_6_18->flags);
	else if (bpf_core_field_exists(before_6_18->flags))
		bpf_core_read(&flags, sizeof(flags), &before_6_18->flags);
	return (flags & MMF_DUMPABLE_MASK) == SUID_DUMP_USER;
}

static __always_inline void task_credentials(
	struct task_struct *task, struct abi_credentials *credentials)
{
	const struct cred *cred = BPF_CORE_READ(task, real_cred);

	credentials->uid = BPF_CORE_READ(cred, uid.val);
	credentials->euid = BPF_CORE_READ(cred, euid.val);
	credentials->suid = BPF_CORE_READ(cred, suid.val);
	credentials->gid = BPF_CORE_READ(cred, gid.val);
	credentials->egid = BPF_CORE_READ(cred, egid.val);
	credentials->sgid = BPF_CORE_READ(cred, sgid.val);
	/* Two 32-bit words before 6.3, one of 64 bits since: the same bytes. */
	bpf_core_read(&credentials->cap_permitted, 8, &cred->cap_permitted);
	credentials->user_namespace = BPF_CORE_READ(cred, user_ns, ns.inum);
	credentials->is_dumpable = task_is_dumpable(task);
}
