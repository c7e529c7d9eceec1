/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

struct btf;

#define KERNEL_TYPES_PATH "/sys/kernel/btf/vmlinux"

/*
 * Of the types in a BTF file (format: Documentation/bpf/btf.rst of the kernel) the structs and unions
 * that have the names of those in `wanted`, whatever stands behind three underscores there, with all
 * that lies in them; pointers point to nothing. A file in memory, in the same format. 0, -EBADMSG where
 * the file makes no sense, or another negative errno.
 */
int kernel_types_extract(const char *path, const struct btf *wanted, int *ret_fd);
