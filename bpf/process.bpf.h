/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What happens to targets: a child enters the filter at its fork, before it has run; a process
 * leaves it when its last thread ends. Each is told.
 */

#define EXEC_INTERVAL_NS 10000000ull

struct choice {
	__u64 wanted, with;
	__u32 flag;
};

static long recording_choose(__u32 i, struct choice *choice)
{
	if (recordings[i & (ABI_RECORDINGS_MAX - 1)].flags & choice->flag)
		choice->with |= 1ull << (i & 63);
	return !(choice->wanted >> i);
}

/* Those of the recordings that have this flag. */
__noinline __u64 recordings_with(__u64 wanted, __u32 flag)
{
	struct choice choice = {.wanted = wanted, .flag = flag};

	bpf_loop(ABI_RECORDINGS_MAX, recording_choose, &choice, 0);
	return wanted & choice.with;
}

static __always_inline int task_forks(struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_pid = task_pid(parent), pid = task_pid(child);
	struct abi_target entry = {};
	__u64 wanted;

	if (parent_pid == pid)
		return 0; /* a thread */
	if (!filter.by_name)
		return 0;
	wanted = filter_by_name(parent, parent_pid);
	if (!wanted)
		return 0;
	entry.recordings = recordings_with(wanted, ABI_RECORDING_CHILDREN);
	entry.start_ns = BPF_CORE_READ(child, start_boottime);
	if (!entry.recordings)
		return 0;
	bpf_map_update_elem(&targets, &pid, &entry, BPF_ANY);
	event_send_comm(child, ABI_EVENT_FORK, pid, parent_pid, (const char *)&child->comm);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct abi_cpu *cpu = this_cpu();
	__u64 start;

	if (!cpu || !filter.on)
		return 0;
	start = run_begin(&cpu->tasks);
	task_forks(parent, child);
	run_end(&cpu->tasks, start);
	return 0;
}

/* New programs are told of, so that their files are there soon; of a flood, only some. */
static __always_inline bool exec_is_told(struct abi_target *target, struct abi_cpu *cpu)
{
	__u64 now = bpf_ktime_get_ns();

	if (target)
		return true;
	if (now - cpu->last_exec_ns < EXEC_INTERVAL_NS)
		return false;
	cpu->last_exec_ns = now;
	return true;
}

static __always_inline int task_executes(struct task_struct *task, struct abi_cpu *cpu)
{
	__u32 pid = task_pid(task);
	struct abi_target *target = bpf_map_lookup_elem(&targets, &pid);

	if (target) {
		target->recordings |= target->on_exec;
		target->on_exec = 0;
	}
	if (!recordings_with(filter_find(task, pid), ABI_RECORDING_PROGRAMS) ||
		!exec_is_told(target, cpu))
		return 0;
	event_send_comm(task, ABI_EVENT_EXEC, pid, 0, (const char *)&task->comm);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	struct abi_cpu *cpu = this_cpu();
	__u64 start;

	if (!cpu || !filter.on)
		return 0;
	start = run_begin(&cpu->tasks);
	task_executes(task, cpu);
	run_end(&cpu->tasks, start);
	return 0;
}

static __always_inline int task_exits(struct task_struct *task)
{
	__u32 pid = task_pid(task), tid = task_tid(task);
	struct abi_target *target = bpf_map_lookup_elem(&targets, &pid);
	struct abi_event event;
	struct abi_aim *aim;

	usage_count(filter_find(task, pid), task->se.sum_exec_runtime);
	aim = filter.by_tid ? bpf_map_lookup_elem(&threads, &tid) : NULL;
	if (aim) {
		event = event_make(task, ABI_EVENT_THREAD_EXIT, pid);
		event.aimed.recordings = aim->recordings;
		bpf_map_delete_elem(&threads, &tid);
		event_send(&event);
	}
	if (!target || BPF_CORE_READ(task, signal, live.counter))
		return 0;
	bpf_map_delete_elem(&targets, &pid);
	event = event_make(task, ABI_EVENT_EXIT, pid);
	event_send(&event);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct abi_cpu *cpu = this_cpu();
	__u64 start;

	if (!cpu || !filter.on)
		return 0;
	start = run_begin(&cpu->tasks);
	task_exits(task);
	run_end(&cpu->tasks, start);
	return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(on_rename, struct task_struct *task, const char *comm)
{
	__u32 pid = task_pid(task);

	if (!bpf_map_lookup_elem(&targets, &pid))
		return 0;
	event_send_comm(task, ABI_EVENT_COMM, pid, 0, comm);
	return 0;
}

/* At the start: all that a target has mapped executable is asked for at once, and mirrored. */
SEC("iter/task_vma")
int on_mapping(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct abi_event event = {};
	struct mapping mapping;

	if (!task || !vma)
		return 0;
	mapping_describe(task, vma, &mapping, &event);
	if (use_mirror)
		mirror_tell(ctx->meta->seq, task, vma);
	return 0;
}

static long self_test_find(__u32 i, __u64 *root)
{
	struct vm_area_struct *vma;

	if (i >= ABI_SELF_TEST_MAX)
		return 1;
	vma = (void *)maple_find(*root, self_test.address[i], SCRATCH_TASK);
	self_test.start[i] = BPF_CORE_READ(vma, vm_start);
	self_test.end[i] = BPF_CORE_READ(vma, vm_end);
	self_test.inode[i] = BPF_CORE_READ(vma, vm_file, f_inode, i_ino);
	return 0;
}

/*
 * Run by user space on itself (BPF_PROG_TEST_RUN): where its pid namespace is, and whether the
 * mappings found for its own addresses are what /proc/self/maps says.
 */
SEC("raw_tp/perfd_self_test")
int on_self_test(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u64 root = (__u64)BPF_CORE_READ(task, mm, mm_mt.ma_root);
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid upid;

	self_test.level = level;
	self_test.user_namespace = BPF_CORE_READ(task, real_cred, user_ns, ns.inum);
	bpf_core_read(&upid, sizeof(upid), &pid->numbers[level]);
	self_test.pid_namespace = BPF_CORE_READ(upid.ns, ns.inum);
	if (!use_mirror)
		bpf_loop(self_test.n, self_test_find, &root, 0);
	return 0;
}

static long on_identified(struct task_struct *task, struct vm_area_struct *vma, void *unused)
{
	file_key(BPF_CORE_READ(vma, vm_file), &identify.key);
	return 0;
}

/*
 * Run by user space on itself: the key of the file behind one of its own mappings, made in the same
 * way as those of targets, so that the two can be compared also where stat() tells other numbers.
 */
SEC("raw_tp/perfd_identify")
int on_identify(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return bpf_find_vma(task, identify.address, on_identified, NULL, 0) ? 1 : 0;
}
