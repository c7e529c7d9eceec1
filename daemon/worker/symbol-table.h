/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/worker/elf-file.h"

/* A sorted table of the functions that symbol tables name. */
struct symbol_table;

struct symbol_table_entry {
	uint64_t start;
	const char *name; /* as in the file, perhaps with "@VERSION"; lives as long as the files */
};

/* From the file's .symtab, else its .dynsym and what Go's linker leaves, and from the debug file's
 * .symtab (debug_file may be NULL). Both files must outlive the table. 0 or -ENOMEM. */
int symbol_table_new(const struct elf_file *file, const struct elf_file *debug_file,
	struct symbol_table **ret_table);
struct symbol_table *symbol_table_free(struct symbol_table *table);

/* The function whose extent holds the address: a symbol's size is a limit. For a symbol without a
 * size the limit is that of the function known from .eh_frame, [entry, …), which the caller has
 * looked up (0: none). */
bool symbol_table_find(const struct symbol_table *table, uint64_t address, uint64_t entry,
	struct symbol_table_entry *ret_entry);
