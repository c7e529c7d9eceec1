/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/worker/elf-file.h"

/* A sorted table of the functions that symbol tables name. */
struct symbol_table;

struct symbol_table_entry {
	uint64_t start;
	const char *name; /* as in the file, perhaps with "@VERSION"; lives as long as the files */
	bool is_stub; /* not the function, but a stub of the linker that leads to it */
};

/* Where symbols come from; all but `file` may be NULL. */
struct symbol_table_files {
	const struct elf_file *file; /* .symtab, else .dynsym and what Go's linker leaves; stubs */
	const struct elf_file *debug; /* .symtab of the separate debug file */
	const struct elf_file *small; /* .symtab that .gnu_debugdata holds */
};

/* The files must outlive the table. 0 or -ENOMEM. */
int symbol_table_new(const struct symbol_table_files *files, struct symbol_table **ret_table);
struct symbol_table *symbol_table_free(struct symbol_table *table);

/* The function whose extent holds the address: a symbol's size is a limit. For a symbol without a
 * size the limit is that of the function known from .eh_frame, [entry, …), which the caller has
 * looked up (0: none). */
bool symbol_table_find(const struct symbol_table *table, uint64_t address, uint64_t entry,
	struct symbol_table_entry *ret_entry);
