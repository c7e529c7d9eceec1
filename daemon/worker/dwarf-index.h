/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Chains of function names and source lines for addresses, from the DWARF of one object. */

#include "daemon/worker/elf-file.h"
#include "daemon/worker/messages.h"

struct dwarf_index;

struct dwarf_frame {
	const char *name; /* as the linker would know it, else as written; NULL: unknown */
	const char *file; /* or NULL */
	uint32_t line; /* in file; 0: unknown */
	uint32_t start_line; /* where the function is declared; 0: unknown */
};

struct dwarf_chain {
	struct dwarf_frame frames[WORKER_CHAIN_MAX]; /* innermost first */
	size_t n;
};

/* Where the DWARF stands; all but `elf` may be NULL. Borrowed. */
struct dwarf_index_files {
	const struct elf_file *elf, *alternate, *package;
};

/* A .dwo file that an address needs. The texts live as long as the index. */
struct dwarf_wanted {
	uint64_t id;
	const char *directory; /* that of the compilation, or NULL */
	const char *name; /* as recorded: relative to the directory, or absolute */
};

/* What will be asked for soon, sorted; there may be more, or less. */
struct dwarf_index_soon {
	const uint64_t *addresses;
	size_t n;
};

/* Reads the ranges of all units, and as long as that has to wait for unpacking, units that will be
 * wanted soon. 0 or -ENOMEM. */
int dwarf_index_new(const struct dwarf_index_files *files, const struct dwarf_index_soon *soon,
	struct dwarf_index **ret_index);
struct dwarf_index *dwarf_index_free(struct dwarf_index *index);

#define DWARF_INDEX_WANTS 1 /* dwarf_index_grant must be called for *ret_wanted first */

/* The chain at an address; n is 0 where DWARF has nothing. A unit is read when it is first hit; the
 * strings are good until the next call. 0, DWARF_INDEX_WANTS, or -ENOMEM. */
int dwarf_index_find(struct dwarf_index *index, uint64_t address, struct dwarf_chain *ret_chain,
	struct dwarf_wanted *ret_wanted);

/* The .dwo file that was wanted for an id, which becomes the index's; NULL: there is none. 0 or
 * -ENOMEM. */
int dwarf_index_grant(struct dwarf_index *index, uint64_t id, struct elf_file *elf);
