/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who a task is: its numbers in perfd's pid namespace, its credentials. Tasks come as pointers that
 * the verifier knows the type of: what hangs on them can be read directly, which costs a tenth of a
 * call. But where a pointer is read so, the verifier looks for its type by name, among all of the
 * kernel's, for a millisecond: only what runs at each tick does that, in functions that are verified
 * once.
 */

/* The number of the pid at this address in perfd's pid namespace; 0 if it is in no namespace below. */
static __always_inline __u32 pid_number(const void *address)
{
	__u32 level = self_test.level;
	const struct pid *pid = address;
	struct upid upid;

	if (!level)
		return BPF_CORE_READ(pid, numbers[0].nr);
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

__noinline __u32 current_pid_below(void)
{
	return task_pid(bpf_get_current_task_btf());
}

__noinline __u32 current_tid_below(void)
{
	return task_tid(bpf_get_current_task_btf());
}

/* Of the current task, which itself has its numbers in the outermost namespace. */
static __always_inline __u32 current_pid(const struct task_struct *task)
{
	return self_test.level ? current_pid_below() : (__u32)task->tgid;
}

static __always_inline __u32 current_tid(const struct task_struct *task)
{
	return self_test.level ? current_tid_below() : (__u32)task->pid;
}

static __always_inline void task_comm(struct task_struct *task, char *ret_comm)
{
	((__u64 *)ret_comm)[0] = ((const __u64 *)&task->comm)[0];
	((__u64 *)ret_comm)[1] = ((const __u64 *)&task->comm)[1];
}

/* The low bits of the flags of a process's memory say who may look into it (SUID_DUMP_…). */
static __always_inline bool task_is_dumpable(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	struct mm_struct___before_6_18 *before_6_18 = (void *)mm;
	struct mm_struct___from_6_18 *from_6_18 = (void *)mm;
	__u64 flags = 0;

	if (!mm)
		return false;
	if (bpf_core_field_exists(from_6_18->flags))
		flags = from_6_18->flags.__mm_flags[0];
	else if (bpf_core_field_exists(before_6_18->flags))
		flags = before_6_18->flags;
	return (flags & MMF_DUMPABLE_MASK) == SUID_DUMP_USER;
}

static __always_inline bool map_is_identity(const struct uid_gid_map *map)
{
	struct uid_gid_extent extent = {};

	if (BPF_CORE_READ(map, nr_extents) != 1)
		return false;
	bpf_core_read(&extent, sizeof(extent), &map->extent[0]);
	return !extent.first && !extent.lower_first && extent.count == 0xffffffff;
}

/* The number of the user namespace in which the ids are to be read: where each is mapped to itself,
 * they mean what they mean on the host. */
static __always_inline __u32 user_namespace_of(const struct cred *cred)
{
	const struct user_namespace *namespace = cred->user_ns;
	__u32 number = namespace->ns.inum;

	if (number != ABI_INITIAL_USER_NAMESPACE && map_is_identity(&namespace->uid_map) &&
		map_is_identity(&namespace->gid_map))
		number = ABI_INITIAL_USER_NAMESPACE;
	return number;
}

static __always_inline void task_credentials(
	struct task_struct *task, struct abi_credentials *credentials)
{
	const struct cred *cred = task->real_cred;

	credentials->uid = cred->uid.val;
	credentials->euid = cred->euid.val;
	credentials->suid = cred->suid.val;
	credentials->gid = cred->gid.val;
	credentials->egid = cred->egid.val;
	credentials->sgid = cred->sgid.val;
	/* Two 32-bit words before 6.3, one of 64 bits since: the same bytes. */
	credentials->cap_permitted = *(const __u64 *)&cred->cap_permitted;
	credentials->user_namespace = user_namespace_of(cred);
	credentials->is_dumpable = task_is_dumpable(task);
}
