/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is told on the second ring, which wakes at once; and what our own programs cost. */

/* Longer than any run: something else had the CPU in between. */
#define RUN_NS_MAX 1000000ull

static __always_inline struct abi_cpu *this_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cpus, &zero);
}

/* 0: this run is not timed. */
static __always_inline __u64 run_begin(struct abi_runs *runs)
{
	return runs->n++ & 63 ? 0 : bpf_ktime_get_ns();
}

static __always_inline void run_end(struct abi_runs *runs, __u64 start)
{
	__u64 took = start ? bpf_ktime_get_ns() - start : RUN_NS_MAX;

	if (took >= RUN_NS_MAX)
		return;
	runs->n_timed++;
	runs->timed_ns += took;
}

static __always_inline struct abi_event event_make(struct task_struct *task, __u32 kind, __u32 pid)
{
	struct abi_event event = {
		.time_ns = bpf_ktime_get_ns(),
		.start_ns = task_start_ns(task),
		.kind = kind,
		.pid = pid,
		.tid = task_tid(task),
	};

	return event;
}

static __always_inline void event_send(struct abi_event *event)
{
	struct abi_cpu *cpu;

	if (!bpf_ringbuf_output(&events, event, sizeof(*event), BPF_RB_FORCE_WAKEUP))
		return;
	cpu = this_cpu();
	if (cpu)
		cpu->events_lost++;
}

static __always_inline void event_send_comm(
	struct task_struct *task, __u32 kind, __u32 pid, __u32 parent, const char *comm)
{
	struct abi_event event = event_make(task, kind, pid);

	event.parent = parent;
	bpf_probe_read_kernel_str(event.comm, sizeof(event.comm), comm);
	event_send(&event);
}

static __always_inline void event_send_cgroup(__u32 kind, __u64 id, __u64 wanted, const char *path)
{
	struct abi_event event = {
		.time_ns = bpf_ktime_get_ns(),
		.kind = kind,
		.aimed.cgroup = id,
		.aimed.recordings = wanted,
	};

	bpf_probe_read_kernel_str(event.aimed.path, sizeof(event.aimed.path), path);
	event_send(&event);
}
