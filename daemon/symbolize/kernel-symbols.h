/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KERNEL_SYMBOLS_PATH "/proc/kallsyms"

/*
 * Kernel addresses to names, from a file as KERNEL_SYMBOLS_PATH (format: proc(5)). Addresses stay in
 * here.
 */
struct kernel_symbols;

/* Borrows the path, and reads nothing yet. 0 or -ENOMEM. */
int kernel_symbols_new(const char *path, struct kernel_symbols **ret_symbols);
/* From given text: for tests. -EPERM where all addresses are zero, as kptr_restrict makes them. */
int kernel_symbols_parse(const char *text, struct kernel_symbols **ret_symbols);
/*
 * Who tells where BPF programs begin and end, which kallsyms does not: malloc'ed pairs of addresses, of
 * the first byte and of the one behind the last. 0 or a negative errno.
 */
typedef int kernel_programs(void *userdata, uint64_t (**ret_bounds)[2], size_t *ret_n);
/* Is asked with each reading; without it a program reaches to the next one. */
void kernel_symbols_set_programs(
	struct kernel_symbols *symbols, kernel_programs *programs, void *userdata);
struct kernel_symbols *kernel_symbols_free(struct kernel_symbols *symbols);

/* The function's name and its module ("" for the kernel proper; "bpf" for BPF programs); or NULL if
 * the address is in none, and why. Reads kallsyms again when the address lies outside what was known
 * (modules and BPF programs come and go): at most once a second, and ever more seldom the more often
 * that happens, since it costs a hundred milliseconds. */
const char *kernel_symbols_find(
	struct kernel_symbols *symbols, uint64_t address, const char **ret_module_or_reason);

/* What was read longer ago than that may have changed: the next look-up of an address that is in no
 * function of the kernel proper reads kallsyms again, at most once a second. 0: somebody waits for it;
 * unknown addresses are looked for as often, too. */
void kernel_symbols_refresh(struct kernel_symbols *symbols, uint64_t age_ns);
