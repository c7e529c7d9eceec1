/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The maps and the settings that user space fills in before the object is loaded. */

#define SAMPLE_RING_BYTES (4 << 20)
#define EVENT_RING_BYTES (1 << 20)
#define TARGETS_MAX 16384
#define FILES_MAX 16384
#define AIMS_MAX 4096
#define SPACES_MAX 4096

/* Samples are lazy: nobody is woken below half full, the daemon drains by a timer. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SAMPLE_RING_BYTES);
} samples SEC(".maps");

/* Events wake the daemon at once. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENT_RING_BYTES);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TARGETS_MAX);
	__type(key, __u32);
	__type(value, struct abi_target);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AIMS_MAX);
	__type(key, __u32);
	__type(value, struct abi_aim);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AIMS_MAX);
	__type(key, char[ABI_COMM_SIZE]);
	__type(value, struct abi_aim);
} comms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AIMS_MAX);
	__type(key, __u32);
	__type(value, struct abi_aim);
} uids SEC(".maps");

/* By id: those that are aimed at and exist. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AIMS_MAX);
	__type(key, __u64);
	__type(value, struct abi_aim);
} cgroups SEC(".maps");

/* By path: those that are aimed at whenever they come again. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AIMS_MAX);
	__type(key, struct abi_cgroup_path);
	__type(value, struct abi_aim);
} cgroup_paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ABI_RECORDINGS_MAX);
	__type(key, __u32);
	__type(value, struct abi_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct abi_cpu);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILES_MAX);
	__type(key, struct abi_file_key);
	__type(value, struct abi_file);
} files SEC(".maps");

/* Where mappings are mirrored; user space makes both small where they are not. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SPACES_MAX);
	__type(key, __u64);
	__type(value, struct abi_space);
} spaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct abi_mirror);
} mirrors SEC(".maps");

/* Written by user space through mmap, one value a shard. */
struct shard_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct abi_shard));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, ABI_SHARDS_MAX);
	__type(key, __u32);
	__array(values, struct shard_map);
} shards SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_TABLES_MAX);
	__type(key, __u32);
	__type(value, struct abi_table);
} tables SEC(".maps");

struct mapping {
	__u64 start, end;
	__u64 file_offset; /* of its first byte */
	__u32 file; /* id; 0: not the code of a file */
	__u32 table; /* as in struct abi_file */
	__u32 is_executable;
	__u32 is_asking; /* user space has not answered for its file yet */
};

/*
 * The mappings that the last walks met. They hold for one program of one process, until it changes
 * its mappings or user space learns of a file: whatever tells these apart is compared at each walk.
 */
#define KNOWN_MAPPINGS 8

struct known_mappings {
	__u64 mm, start_ns;
	__u64 start_stack; /* of the program, at random */
	__u32 exec_id, lock_sequence, files_epoch;
	__u32 next; /* the one to be replaced */
	struct mapping mappings[KNOWN_MAPPINGS]; /* end 0: none */
};

#define KNOWN_ROWS_BITS 9

struct known_row {
	__u64 key; /* generation of its table, file offset */
	__u64 row;
};

/* A walk of a user stack: where it stands, and the frames it has written. */
struct walk {
	struct unwind unwind;
	__u32 n, max;
	__u32 first; /* index of its first frame in scratch.frames */
	__s32 stop; /* 0: it goes on; or how it ended, enum abi_stop + 1 */
};

/* Kernel frames and user frames, as a power of two. */
#define SCRATCH_FRAMES 2048

_Static_assert(ABI_KERNEL_FRAMES_MAX + ABI_USER_FRAMES_MAX <= SCRATCH_FRAMES, "frames of a sample");

/*
 * What is too large for the 512 bytes of stack: one maple node, the mapping that was found last, and
 * the records under construction. One slot for each kind of program, since one may interrupt another.
 */
struct scratch {
	struct known_row rows[1 << KNOWN_ROWS_BITS];
	__u64 node[32];
	struct abi_mapping mirrored;
	struct abi_event event;
	/* What each sample needs lies together. */
	struct known_mappings known;
	struct mapping mapping;
	struct walk walk;
	struct abi_identity_record identity;
	__u64 callers; /* of `sample`, mixed */
	__u32 flags; /* ABI_RECORDING_…, of all that drew this tick */
	__u32 reserved;
	struct abi_sample sample;
	__u64 frames[SCRATCH_FRAMES]; /* behind `sample`, as it is sent */
};

/* The kernel's largest piece of memory per CPU (PCPU_MIN_UNIT_SIZE). */
_Static_assert(sizeof(struct scratch) <= 32768, "scratch");

enum { SCRATCH_TICK, SCRATCH_TASK, SCRATCH_SLOTS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* What user space was told last of who has each slot of this CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ABI_IDENTITY_SLOTS);
	__type(key, __u32);
	__type(value, struct abi_identity);
} identities SEC(".maps");

/* What user space was told last of the callers in each slot of this CPU; it knows how many there are. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ABI_CALLERS_SLOTS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} callers SEC(".maps");

const volatile __u32 callers_mask = ABI_CALLERS_SLOTS_MAX - 1;
const volatile __u64 callers_key;

/* What user space says and each tick reads. */
volatile struct abi_filter filter;
volatile struct abi_clock sampling_clock;
volatile struct abi_recording recordings[ABI_RECORDINGS_MAX];

/* The next file id; counted up by whoever sees a file first. */
__u32 next_file_id = ABI_FILE_FIRST;

/* The table of the vdso, which has no file. */
__u32 vdso_table;

/* Counted up by user space when it has changed an entry of `files`, or the one above. */
__u32 files_epoch;

/* By CPU. User space reads it as it lies, at each redraw of the clock. */
struct abi_kept kept[ABI_KEPT_CPUS] __attribute__((aligned(64)));

/* How many user frames a sample may have. */
__u32 user_frames_max = ABI_USER_FRAMES_DEFAULT;

/* Filled in by the self-test: where perfd's pid namespace is. */
struct abi_self_test self_test;

struct abi_identify identify;

struct abi_function function;

struct abi_usage usage;
