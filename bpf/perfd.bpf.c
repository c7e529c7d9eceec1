/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel side, one object: a tick of a CPU becomes a sample (on-cpu), whose user stack is walked
 * (walk, unwind) and whose addresses are told as (file, offset) by the process's own mappings
 * (mapping); what happens to the targets is told as events (process). What the kernel calls its functions
 * is told to who asks (functions).
 */

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
#define bool _Bool
#define true 1
#define false 0
#define NULL ((void *)0)

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum { BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0 };

#include "bpf/kernel-types.bpf.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "bpf/abi.h"

#include "bpf/unwind.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/task.bpf.h"
#include "bpf/file.bpf.h"
#include "bpf/maple.bpf.h"
#include "bpf/mirror.bpf.h"
#include "bpf/mapping.bpf.h"
#include "bpf/known-mappings.bpf.h"
#include "bpf/table.bpf.h"
#include "bpf/walk.bpf.h"
#include "bpf/event.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/callers.bpf.h"
#include "bpf/on-cpu.bpf.h"
#include "bpf/usage.bpf.h"
#include "bpf/process.bpf.h"
#include "bpf/functions.bpf.h"

char LICENSE[] SEC("license") = "GPL";
