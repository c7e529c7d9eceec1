/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How much CPU time the scheduler gave to what a recording aims at, by the filter that the samples
 * go through: what threads that ended meanwhile had used, plus what those that are there have used,
 * less the same sum at the start. A thread that comes to be a target, or ceases to be one, in any
 * other way than by its start or end counts with all that it has ever used.
 */

struct ended {
	__u64 wanted, runtime_ns;
};

static long usage_add(__u32 i, struct ended *ended)
{
	struct abi_counters *counter = bpf_map_lookup_elem(&counters, &i);

	if (counter && ended->wanted >> i & 1)
		counter->ended_ns += ended->runtime_ns;
	return !(ended->wanted >> i);
}

/* Called by the thread itself, at its end. */
static __always_inline void usage_count(__u64 wanted, __u64 runtime_ns)
{
	struct ended ended = {wanted, runtime_ns};

	bpf_loop(ABI_RECORDINGS_MAX, usage_add, &ended, 0);
}

struct lineage {
	struct cgroup *cgroup;
	struct groups groups;
};

static long usage_by_ancestor(__u32 depth, struct lineage *lineage)
{
	struct cgroup *cgroup = lineage->cgroup, *ancestor;

	if (filter.depths >> depth & 1) {
		bpf_probe_read_kernel(&ancestor, sizeof(ancestor),
			(void *)cgroup + bpf_core_field_offset(cgroup->ancestors) +
				depth * sizeof(ancestor));
		groups_add(&lineage->groups, BPF_CORE_READ(ancestor, kn, id));
	}
	return !(filter.depths >> depth);
}

/* As filter_by_cgroup, of a task that need not be the current one. */
static __always_inline __u64 usage_by_cgroup(struct task_struct *task, __u64 wanted)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	__u32 level = BPF_CORE_READ(cgroup, level);
	struct lineage lineage = {.cgroup = cgroup};

	bpf_loop(level < ABI_CGROUP_DEPTHS ? level + 1 : ABI_CGROUP_DEPTHS, usage_by_ancestor,
		&lineage, 0);
	return groups_apply(wanted, &lineage.groups);
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
