/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The part of bpf/abi.h that tells samples: what lies in their ring. */

#ifndef __bpf__
#include <linux/types.h>
#endif

#define ABI_COMM_SIZE 16

/* The credentials at the moment of the sample: what user space checks before it keeps it. */
struct abi_credentials {
	__u32 uid, euid, suid, gid, egid, sgid;
	__u32 user_namespace; /* inode number; the initial one's if all ids mean the same in both */
	__u32 is_dumpable; /* SUID_DUMP_USER */
	__u64 cap_permitted;
};

/* Who was sampled: read anew at each sample, told only when it is not what the slot held. */
struct abi_identity {
	__u64 start_ns; /* when the process started, since boot */
	__u64 cgroup; /* id of its control group in the unified hierarchy */
	struct abi_credentials credentials;
	__u32 pid, tid; /* in perfd's pid namespace */
	char comm[ABI_COMM_SIZE]; /* of the process (its group leader) */
	char thread[ABI_COMM_SIZE]; /* of the thread */
};

/* Each CPU has as many; a thread has that of its tid. A power of two. */
#define ABI_IDENTITY_SLOTS 512

/* Each CPU has a power of two of slots for the callers of its samples, and at most so many. */
#define ABI_CALLERS_SLOTS_MAX 2048
#define ABI_CALLERS_SLOTS_MIN 64
/* More callers than these are told with each sample. */
#define ABI_CALLERS_MAX 61
#define ABI_CALLERS_NONE 0xffffu /* in place of a slot */

/* What lies in the ring of samples; each record begins with its kind. */
enum abi_record_kind {
	ABI_RECORD_SAMPLE,
	ABI_RECORD_REPEAT, /* a sample whose callers are those told last for their slot */
	ABI_RECORD_IDENTITY,
};

/* Whom a slot of a CPU stands for in that CPU's samples, until the next such record for the slot. */
struct abi_identity_record {
	__u8 kind;
	__u8 reserved;
	__u16 cpu;
	__u16 slot;
	__u16 reserved_too;
	struct abi_identity identity;
};

/*
 * One tick that fell on a target. Followed by n_kernel kernel addresses, then n_user frames, both leaf
 * first; a repeat by the first of these alone.
 */
struct abi_sample {
	__u8 kind;
	__u8 stop; /* enum abi_stop */
	__u16 cpu;
	__u16 slot; /* whose it is: the CPU's identity there */
	__u16 callers; /* all frames but the first: the CPU's slot for them, or ABI_CALLERS_NONE */
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 recordings; /* bit i: drawn for recording i */
	__u32 period_ns; /* as of struct abi_clock, when it was drawn */
	__u16 n_kernel, n_user;
};

_Static_assert(sizeof(struct abi_credentials) == 40, "abi_credentials");
_Static_assert(sizeof(struct abi_identity) == 96, "abi_identity");
_Static_assert(sizeof(struct abi_identity_record) == 104, "abi_identity_record");
_Static_assert(sizeof(struct abi_sample) == 32, "abi_sample");
