/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Programs come by the same callers again and again, and differ in where the innermost function is met.
 * So callers are told once for a slot of their CPU, and from then on by the slot alone: a third of the
 * bytes, and nothing for user space to look up. As with identities, a slot belongs to its CPU and holds
 * what the ring has taken. What it holds is a hash of 64 bits under a random key: two different stacks
 * with one hash, in one slot, will not be met.
 */

/* All callers of the sample under construction, n frames with its leaf, mixed into scratch->callers. */
__noinline int callers_mix(__u32 n, __u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	__u64 odd = callers_key, even;

	if (!scratch)
		return 0;
	even = ~odd ^ n ^ (__u64)scratch->sample.n_kernel << 32;
	/* Two chains, each of which waits for its own products only. */
	for (__u32 i = 1; i <= ABI_CALLERS_MAX && i < n; i += 2) {
		odd = (odd ^ scratch->frames[i]) * 0x9e3779b97f4a7c15ull;
		odd ^= odd >> 32;
		even = (even ^ (i + 1 < n ? scratch->frames[i + 1] : 0)) * 0xd6e8feb86659fd93ull;
		even ^= even >> 32;
	}
	odd = (odd ^ even >> 7 ^ even << 57) * 0xff51afd7ed558ccdull;
	scratch->callers = odd ^ odd >> 29 ^ 1; /* never what an empty slot holds, but by chance */
	return 0;
}

/* Where this CPU keeps what it told last of callers like these, and into the sample; NULL: nowhere. */
static __always_inline __u64 *callers_find(struct scratch *scratch, __u32 n)
{
	__u32 slot;

	scratch->sample.callers = ABI_CALLERS_NONE;
	if (n < 3 || n > ABI_CALLERS_MAX + 1)
		return NULL;
	callers_mix(n, SCRATCH_TICK);
	slot = scratch->callers & callers_mask;
	scratch->sample.callers = slot;
	return bpf_map_lookup_elem(&callers, &slot);
}
