/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The kernel's own walk of the user stack, by frame pointers, and nothing else. */

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum { BPF_MAP_TYPE_PERCPU_ARRAY = 6 };
enum { BPF_F_USER_STACK = 1 << 8 };

#include <bpf/bpf_helpers.h>

#define FRAMES_MAX 127

struct stack {
	__u64 frames[FRAMES_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack);
} stacks SEC(".maps");

SEC("perf_event")
int on_tick(void *ctx)
{
	__u32 zero = 0;
	struct stack *stack = bpf_map_lookup_elem(&stacks, &zero);

	if (stack)
		bpf_get_stack(ctx, stack->frames, sizeof(stack->frames), BPF_F_USER_STACK);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
