/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The part of bpf/abi.h that tells files and mappings. */

#ifndef __bpf__
#include <linux/types.h>
#endif

/* What a file is told by. Made only in the kernel: user space sees other devices and inodes on
 * stacked file systems. */
struct abi_file_key {
	__u64 inode_address;
	__u64 inode;
	__u64 change_seconds;
	__u32 change_ns;
	__u32 device;
	__u32 generation;
	__u32 reserved;
};

/* The executable mappings of an address space, mirrored: see mirror.bpf.h. */
#define ABI_MIRROR_BITS 8
#define ABI_MIRROR_MAPPINGS (1u << ABI_MIRROR_BITS)
#define ABI_SPACE_NO_SLOT 0xffffffffu

struct abi_mapping {
	__u64 start, end;
	__u64 file_offset; /* of its first byte */
	struct abi_file_key key; /* all zero: no file */
	__u32 is_vdso;
	__u32 reserved;
};

struct abi_mirror {
	__u64 space; /* the number of the address space */
	__u32 sequence; /* odd while it is being written */
	__u32 n;
	struct abi_mapping mappings[ABI_MIRROR_MAPPINGS]; /* by address */
};

/* Value of the address spaces, by their number. */
struct abi_space {
	__u64 asked_ns; /* when its mappings were last asked for */
	__u32 slot; /* of the mirrors, or ABI_SPACE_NO_SLOT */
	__u32 reserved;
};

/* What the iterator writes where there is a mirror. */
struct abi_mapped {
	__u64 space;
	struct abi_mapping mapping;
};

_Static_assert(sizeof(struct abi_file_key) == 40, "abi_file_key");
_Static_assert(sizeof(struct abi_mapping) == 72, "abi_mapping");
_Static_assert(sizeof(struct abi_space) == 16, "abi_space");
