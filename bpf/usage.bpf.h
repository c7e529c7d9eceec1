/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How much CPU time the scheduler gave to what a recording aims at, by the filter that the samples
 * go through: what threads that ended meanwhile had used, plus what those that are there have used,
 * less the same sum at the start. A thread that comes to be a target, or ceases to be one, in any
 * other way than by its start or end counts with all that it has ever used.
 */

__noinline int usage_add(__u32 index, __u64 runtime_ns)
{
	struct abi_counters *counter = bpf_map_lookup_elem(&counters, &index);

	if (counter)
		counter->ended_ns += runtime_ns;
	return 0;
}

/* Called by the thread itself, at its end. */
__noinline int usage_count(__u64 wanted, __u64 runtime_ns)
{
	for (__u32 i = 0; i < ABI_RECORDINGS_MAX && wanted >> i; i++)
		if (wanted >> i & 1)
			usage_add(i, runtime_ns);
	return 0;
}

/* As filter_by_cgroup, of a task that need not be the current one. */
static __always_inline __u64 usage_by_cgroup(struct task_struct *task, __u64 wanted)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp), *ancestor;
	__u32 level = BPF_CORE_READ(cgroup, level);
	__u64 found = 0, left_out = 0, id;
	struct abi_aim *aim;

	for (__u32 depth = 0; depth < ABI_CGROUP_DEPTHS && depth <= level; depth++) {
		if (!(filter.depths >> depth & 1))
			continue;
		bpf_probe_read_kernel(&ancestor, sizeof(ancestor),
			(void *)cgroup + bpf_core_field_offset(cgroup->ancestors) +
				depth * sizeof(ancestor));
		id = BPF_CORE_READ(ancestor, kn, id);
		aim = bpf_map_lookup_elem(&cgroups, &id);
		if (!aim)
			continue;
		found |= aim->recordings;
		left_out |= aim->left_out;
	}
	return groups_apply(wanted, found, left_out);
}

/* One that is ending has been counted, or is about to be. */
SEC("iter/task")
int on_usage(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u64 wanted;

	if (!task || task->flags & PF_EXITING)
		return 0;
	wanted = filter_by_who(task, task_pid(task));
	if (wanted & (filter.by_cgroup | filter.but_cgroups))
		wanted = usage_by_cgroup(task, wanted);
	if (wanted >> (usage.slot & (ABI_RECORDINGS_MAX - 1)) & 1)
		usage.alive_ns += task->se.sum_exec_runtime;
	return 0;
}
