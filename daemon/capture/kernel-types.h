/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct btf;

#define KERNEL_TYPES_PATH "/sys/kernel/btf/vmlinux"
#define KERNEL_TYPE_NAME_SIZE 64

/* A type that is asked for by name and kind (BTF_KIND_…). */
struct kernel_type {
	char name[KERNEL_TYPE_NAME_SIZE];
	uint32_t kind;
	uint32_t id; /* among the kernel's; 0: it has none of that name */
};

struct kernel_types_wanted {
	const struct btf *structs; /* those with a name */
	struct kernel_type *types; /* whose ids are filled in; functions and typedefs */
	size_t n_types;
};

/*
 * Of the types in a BTF file (format: Documentation/bpf/btf.rst of the kernel) the structs and unions
 * that have the names of those wanted, whatever stands behind three underscores there, with all that
 * lies in them; pointers point to nothing. They are written to `fd`, in the same format. 0, -EBADMSG
 * where the file makes no sense, or another negative errno.
 */
int kernel_types_extract(const char *path, const struct kernel_types_wanted *wanted, int fd);
