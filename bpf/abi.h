/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * All that crosses the kernel border: records of the two rings, values of the maps. Included by the
 * BPF object and by daemon/capture; nothing in here has a pointer, and each size is asserted.
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

#include "bpf/abi-mapping.h"
#include "bpf/abi-sample.h"
#include "bpf/unwind-row.h"

#define ABI_RECORDINGS_MAX 64 /* one bit each in abi_target.recordings */
#define ABI_KERNEL_FRAMES_MAX 127
#define ABI_USER_FRAMES_MAX 1024 /* what a daemon can be told to take */
#define ABI_USER_FRAMES_DEFAULT 127
#define ABI_FILE_NAME_SIZE 64
/* The inode of the initial user namespace, fixed by the kernel (include/linux/proc_ns.h). */
#define ABI_INITIAL_USER_NAMESPACE 0xEFFFFFFDu
#define ABI_EVENT_PATH_SIZE 128

/*
 * A frame in 64 bits. Code of a file: bit 63 clear, file id in bits 36-62, file offset below. Any
 * other address (JIT, anonymous, memfd): bit 63 set, the address itself below.
 */
#define ABI_FRAME_ADDRESS (1ull << 63)
#define ABI_FRAME_OFFSET_BITS 36
#define ABI_FRAME_OFFSET_MASK ((1ull << ABI_FRAME_OFFSET_BITS) - 1)
#define ABI_FILE_ID_MAX ((1u << 27) - 1)
/* The vdso has no file; its offset counts from its start, and its image is the same for all. */
#define ABI_FILE_VDSO 1
#define ABI_FILE_FIRST 2

/* Each way a walk can end; words and sentences stand in stop-reason.def. */
enum abi_stop {
#define STOP(name, word, class, sentence) ABI_STOP_##name,
#include "bpf/stop-reason.def"
#undef STOP
	ABI_STOP_COUNT
};

enum abi_event_kind {
	ABI_EVENT_FORK, /* pid: the child; parent: its parent */
	ABI_EVENT_EXEC, /* a target's process has a new program */
	ABI_EVENT_EXIT, /* its last thread has gone */
	ABI_EVENT_COMM, /* a thread was renamed */
	ABI_EVENT_NEED_FILE, /* code of a file that nobody has opened yet */
	ABI_EVENT_THREAD_EXIT, /* of a thread that is aimed at by its tid */
	ABI_EVENT_CGROUP, /* a control group is new */
	ABI_EVENT_CGROUP_GONE, /* one that is aimed at was removed */
	ABI_EVENT_NEED_MAPPINGS, /* a process whose mappings are not mirrored */
};

struct abi_event {
	__u64 time_ns;
	__u64 start_ns; /* of the process */
	__u32 kind; /* enum abi_event_kind */
	__u32 pid, tid, parent;
	union {
		char comm[ABI_COMM_SIZE];
		struct {
			__u64 start, end; /* of the mapping */
			__u64 file_offset; /* of its first byte */
			struct abi_file_key key;
			__u32 file; /* id */
			__u32 reserved;
			char name[ABI_FILE_NAME_SIZE]; /* base name, cut */
		} need;
		struct {
			__u64 recordings; /* CGROUP…, THREAD_EXIT: bit i: recording i aims at it */
			__u64 cgroup;
			char path[ABI_EVENT_PATH_SIZE]; /* CGROUP: cut */
		} aimed;
	};
};

struct abi_file {
	__u32 id;
	__u32 is_known; /* user space has it (or has given up): ask no more */
	__u64 asked_ns; /* when it was last asked for */
	__u32 table; /* 0: none yet; ABI_TABLE_NONE or _NO_PROGRAM; else an index into the tables */
	__u32 reserved;
};

/*
 * Unwind tables lie in shards of equal size, each one value of an array map. A file's table is up to
 * eight chunks of rows, by ascending file offset, each within one shard.
 */
#define ABI_SHARD_ROWS (1u << 18)
#define ABI_SHARDS_MAX 64
#define ABI_TABLES_MAX 4096
#define ABI_TABLE_CHUNKS_MAX 8
#define ABI_TABLE_NONE 0xffffffffu /* the file has no unwind information: frame pointers */
#define ABI_TABLE_NO_PROGRAM                                                                       \
	0xfffffffeu /* the file is no program: the same, frames are addresses */

struct abi_shard {
	struct abi_row rows[ABI_SHARD_ROWS];
};

struct abi_chunk {
	__u32 first_pc, end_pc; /* file offsets that it answers for */
	__u32 shard;
	__u32 first, n; /* rows of the shard */
};

struct abi_table {
	__u32 n_chunks;
	__u32 generation; /* another one each time that a table is written; never 0 */
	struct abi_chunk chunks[ABI_TABLE_CHUNKS_MAX];
};

/* Value of the target filter, by pid (thread group) in perfd's pid namespace. */
struct abi_target {
	__u64 recordings; /* bit i: recording i samples it */
	__u64 on_exec; /* bit i: will from its next exec on */
	__u64 start_ns; /* 0, or when the process must have started (pids are reused) */
};

/* Value of the filters by tid, name, user and control group. */
struct abi_aim {
	__u64 recordings; /* bit i: recording i aims at it */
	__u64 left_out; /* bit i: recording i leaves it out (control groups only) */
};

/* The depth of a control group below the root that can be aimed at, and the length of its path. */
#define ABI_CGROUP_DEPTHS 16
#define ABI_CGROUP_PATH_SIZE 256

struct abi_cgroup_path {
	char text[ABI_CGROUP_PATH_SIZE]; /* zeros behind its end */
};

/* Which recordings aim at what: bit i is recording i. Set by user space. */
struct abi_filter {
	__u64 on; /* all that aim at something */
	__u64 by_name; /* those that name processes or threads */
	__u64 by_tid, by_comm; /* of these, those that need a look at the tid or the name */
	__u64 by_uid, by_cgroup;
	__u64 but_cgroups; /* those that leave some out */
	__u32 depths; /* bit i: a control group that lies i below the root is aimed at */
	__u32 reserved;
};

#define ABI_RECORDING_CHILDREN 1u /* processes that a target starts are targets */
#define ABI_RECORDING_KERNEL 2u /* kernel frames are wanted */
#define ABI_RECORDING_TABLES 4u /* user stacks by unwind tables where there are any */
#define ABI_RECORDING_CALLERS 8u /* whole user stacks are wanted, not just the leaf */
#define ABI_RECORDING_PROGRAMS 16u /* new programs of targets are told of */

struct abi_recording {
	__u32 is_on;
	__u32 flags;
	__u64 rate; /* 2^48 times the samples that are wanted in a nanosecond */
};

/* Per CPU and recording. */
struct abi_counters {
	__u64 taken; /* drawn for it */
	__u64 delivered; /* put into the ring */
	__u64 lost_full; /* the ring was full */
	__s64 credit; /* 2^32 times the ticks that thinning owes it: steers the next draws */
	__u64 missed; /* base ticks that never came, told by a gap before a tick of a target */
	__u64 ended_ns; /* CPU time that threads have used in all that ended as targets */
};

/* In and out of the iterator that adds up the CPU time of a recording's threads that are there. */
struct abi_usage {
	__u32 slot;
	__u32 reserved;
	__u64 alive_ns;
};

/* Runs of programs of ours; one in 64 is timed. */
struct abi_runs {
	__u64 n, n_timed, timed_ns;
};

/* Per CPU: what all recordings share. */
struct abi_cpu {
	__u64 last_tick_ns;
	__u64 events_lost;
	__u64 last_exec_ns; /* when a new program was told of that is no process aimed at by pid */
	struct abi_runs ticks;
	struct abi_runs tasks; /* at forks, execs and exits */
};

/* Ticks of a CPU that a recording kept, ever; it has a line of the cache for itself. */
struct abi_kept {
	__u64 n;
	__u64 reserved[7];
};

/* A power of two. CPUs beyond share the counts of others. */
#define ABI_KEPT_CPUS 256

/* The sampling clock, set by user space. */
struct abi_clock {
	__u64 gap_ns; /* so long without a tick: some were missed. 0: that says nothing */
	__u64 since_ns; /* the last time that an event was opened: gaps from before say nothing */
	__u32 period_ns; /* mean: a tick stands for it */
	__u32 reserved;
};

#define ABI_SELF_TEST_MAX 64

/* In and out of the self-test program: mappings of the caller, told by address. */
struct abi_self_test {
	__u32 level; /* of the caller's pid namespace */
	__u32 pid_namespace; /* its inode number */
	__u32 user_namespace;
	__u32 n;
	__u64 address[ABI_SELF_TEST_MAX];
	__u64 start[ABI_SELF_TEST_MAX], end[ABI_SELF_TEST_MAX], inode[ABI_SELF_TEST_MAX];
};

/* In and out of the identifying program: the file behind a mapping of the caller. */
struct abi_identify {
	__u64 address;
	struct abi_file_key key;
};

/* In and out of the program that names a function of the kernel: KSYM_NAME_LEN, numbers, a module. */
struct abi_function {
	__u64 address;
	char text[640];
};

_Static_assert(sizeof(struct abi_event) == 176, "abi_event");
_Static_assert(sizeof(struct abi_file) == 24, "abi_file");
_Static_assert(sizeof(struct abi_target) == 24, "abi_target");
_Static_assert(sizeof(struct abi_filter) == 64, "abi_filter");
_Static_assert(sizeof(struct abi_recording) == 16, "abi_recording");
_Static_assert(sizeof(struct abi_counters) == 48, "abi_counters");
_Static_assert(sizeof(struct abi_usage) == 16, "abi_usage");
_Static_assert(sizeof(struct abi_cpu) == 72, "abi_cpu");
_Static_assert(sizeof(struct abi_kept) == 64, "abi_kept");
_Static_assert(sizeof(struct abi_clock) == 24, "abi_clock");
