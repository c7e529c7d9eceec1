/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The kernel's tree of a process's mappings (a maple tree since 6.1, lib/maple_tree.c), walked
 * without its lock. The tree's layout is no stable interface: user space holds a self-test against
 * /proc/self/maps before it trusts this. Freed nodes may be read, so that whoever finds something
 * here checks it.
 */

#define MAPLE_LEVELS_MAX 12
#define MAPLE_TYPE(entry) ((__u32)((entry) >> 3) & 15)
#define MAPLE_LEAF_64 1
#define MAPLE_RANGE_64 2
#define MAPLE_ARANGE_64 3

/*
 * One level down: the slot of node `entry` whose range holds `address`, or 0. A function of its own
 * with plain numbers as arguments, so that the verifier walks it once and not once per call.
 */
__noinline __u64 maple_descend(__u64 entry, __u64 address, __u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	__u32 n_pivots = MAPLE_TYPE(entry) == MAPLE_ARANGE_64 ? 9 : 15, i;
	__u64 *node;

	if (!scratch)
		return 0;
	node = scratch->node;
	if (bpf_probe_read_kernel(node, 256, (void *)(entry & ~0xffull)))
		return 0;
	/* node[0] is the parent; pivots follow; a zero pivot ends a node that is not full. */
	for (i = 0; i < 15; i++) {
		__u64 pivot = node[1 + i];

		if (i >= n_pivots || pivot >= address || (!pivot && i))
			break;
	}
	return node[(1 + n_pivots + i) & 31];
}

/* The item of the maple tree that holds `address`, or 0. */
__noinline __u64 maple_find(__u64 root, __u64 address, __u32 slot)
{
	__u64 entry = root;

	/* Only the root carries bit 1; without it the tree is empty, or one item at address 0. */
	if (!(entry & 2))
		return 0;
	for (int level = 0; level < MAPLE_LEVELS_MAX; level++) {
		__u32 type = MAPLE_TYPE(entry);

		if (type != MAPLE_LEAF_64 && type != MAPLE_RANGE_64 && type != MAPLE_ARANGE_64)
			return 0;
		entry = maple_descend(entry, address, slot);
		if (type == MAPLE_LEAF_64)
			return entry;
	}
	return 0;
}
