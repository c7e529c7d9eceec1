/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which recordings aim at the current task? A recording names up to three kinds of things: which
 * tasks (pids, tids, names), where (control groups), whose (users). Of one kind any will do; all
 * kinds that it names must hold; one that names none takes everything. Kinds that nobody names cost
 * nothing.
 */

static __always_inline __u64 recordings_of(struct abi_aim *aim)
{
	return aim ? aim->recordings : 0;
}

static __always_inline __u64 filter_by_name(struct task_struct *task, __u32 pid)
{
	struct abi_target *target = bpf_map_lookup_elem(&targets, &pid);
	char comm[ABI_COMM_SIZE] = {};
	__u64 found = 0;
	__u32 tid;

	if (target && (!target->start_ns || target->start_ns == task_start_ns(task)))
		found = target->recordings;
	if (filter.by_tid) {
		tid = task_tid(task);
		found |= recordings_of(bpf_map_lookup_elem(&threads, &tid));
	}
	if (filter.by_comm) {
		bpf_probe_read_kernel_str(
			comm, sizeof(comm), &BPF_CORE_READ(task, group_leader)->comm);
		found |= recordings_of(bpf_map_lookup_elem(&comms, comm));
	}
	return found;
}

/* What the groups that a task is in are to the recordings. */
struct groups {
	__u64 found, left_out;
};

static __always_inline void groups_add(struct groups *groups, __u64 id)
{
	struct abi_aim *aim = bpf_map_lookup_elem(&cgroups, &id);

	if (!aim)
		return;
	groups->found |= aim->recordings;
	groups->left_out |= aim->left_out;
}

/* Those of the recordings that neither aim at other groups nor leave one of these out. */
static __always_inline __u64 groups_apply(__u64 wanted, const struct groups *groups)
{
	return wanted & (~filter.by_cgroup | groups->found) & ~groups->left_out;
}

static long filter_by_ancestor(__u32 depth, struct groups *groups)
{
	if (filter.depths >> depth & 1)
		groups_add(groups, bpf_get_current_ancestor_cgroup_id(depth));
	return !(filter.depths >> depth);
}

/* A group stands for all below it: the task's group and its ancestors, at the depths that are
 * aimed at. */
__noinline __u64 filter_by_cgroup(__u64 wanted)
{
	struct groups groups = {};

	bpf_loop(ABI_CGROUP_DEPTHS, filter_by_ancestor, &groups, 0);
	return groups_apply(wanted, &groups);
}

static __always_inline __u64 filter_by_uid(struct task_struct *task)
{
	__u32 uid = BPF_CORE_READ(task, real_cred, uid.val);

	return recordings_of(bpf_map_lookup_elem(&uids, &uid));
}

/* By all but its control group, of any task; `pid` is its process's number. One that has none, as it
 * is not in perfd's pid namespace, is nobody's target. */
static __always_inline __u64 filter_by_who(struct task_struct *task, __u32 pid)
{
	__u64 wanted = pid ? filter.on : 0;

	if (wanted & filter.by_name)
		wanted &= ~filter.by_name | filter_by_name(task, pid);
	if (wanted & filter.by_uid)
		wanted &= ~filter.by_uid | filter_by_uid(task);
	return wanted;
}

/* `task` is the current one. */
static __always_inline __u64 filter_find(struct task_struct *task, __u32 pid)
{
	__u64 wanted = filter_by_who(task, pid);

	if (wanted & (filter.by_cgroup | filter.but_cgroups))
		wanted = filter_by_cgroup(wanted);
	return wanted;
}

/* Of the hierarchy that cgroup2 shows, which has number 0. */
static __always_inline bool cgroup_is_unified(struct cgroup *cgroup)
{
	return !BPF_CORE_READ(cgroup, root, hierarchy_id);
}

/*
 * A group that is aimed at comes again: a unit was started anew. It has its path and another id, and
 * enters the filter before any task is in it.
 */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	__u32 slot = SCRATCH_TASK;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	__u64 id = BPF_CORE_READ(cgroup, kn, id);
	struct abi_cgroup_path *key;
	struct abi_aim *aim;

	if (!scratch || !filter.on || !cgroup_is_unified(cgroup))
		return 0;
	key = (void *)scratch->frames;
	__builtin_memset(key, 0, sizeof(*key));
	bpf_probe_read_kernel_str(key->text, sizeof(key->text), path);
	aim = bpf_map_lookup_elem(&cgroup_paths, key);
	if (aim)
		bpf_map_update_elem(&cgroups, &id, aim, BPF_ANY);
	event_send_cgroup(ABI_EVENT_CGROUP, id, recordings_of(aim), path);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	__u64 id = BPF_CORE_READ(cgroup, kn, id);
	struct abi_aim *aim = bpf_map_lookup_elem(&cgroups, &id);

	if (aim && cgroup_is_unified(cgroup))
		event_send_cgroup(ABI_EVENT_CGROUP_GONE, id, aim->recordings, path);
	return 0;
}

/* Its last task has gone for good: some may have run until now. */
SEC("tp_btf/cgroup_release")
int BPF_PROG(on_cgroup_release, struct cgroup *cgroup, const char *path)
{
	__u64 id = BPF_CORE_READ(cgroup, kn, id);

	if (cgroup_is_unified(cgroup))
		bpf_map_delete_elem(&cgroups, &id);
	return 0;
}
