/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Kernel addresses to names, as the kernel tells them. Addresses stay in here. */
struct kernel_symbols;

/*
 * What the kernel calls an address: "name+0x10/0x40 [module]" (offset and size; no module: the kernel
 * proper), anything else where it has no name. 0 or a negative errno.
 */
typedef int kernel_tell(void *userdata, uint64_t address, char *text, size_t size);

/* 0 or -ENOMEM. */
int kernel_symbols_new(kernel_tell *tell, void *userdata, struct kernel_symbols **ret_symbols);
struct kernel_symbols *kernel_symbols_free(struct kernel_symbols *symbols);

/* The function's name and its module ("" for the kernel proper; "bpf" for BPF programs), which hold
 * until the next call of any of these; or NULL if the address is in none, and why. */
const char *kernel_symbols_find(
	struct kernel_symbols *symbols, uint64_t address, const char **ret_module_or_reason);

/* Modules and BPF programs come and go: what is known of theirs is asked for anew. */
void kernel_symbols_refresh(struct kernel_symbols *symbols);
