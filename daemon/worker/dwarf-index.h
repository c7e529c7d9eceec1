/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Chains of function names and source lines for addresses, from the DWARF of one ELF file. */

#include <libelf.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/worker/messages.h"

struct dwarf_index;

/* Strings live as long as the index. */
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

#define DWARF_INDEX_NONE 1 /* the file has no DWARF that libdw can read */

/* Reads no unit yet. Both files stay the caller's and must outlive the index; alternate may be
 * NULL. 0, DWARF_INDEX_NONE, or -ENOMEM. */
int dwarf_index_new(Elf *elf, Elf *alternate, struct dwarf_index **ret_index);
struct dwarf_index *dwarf_index_free(struct dwarf_index *index);

/* The chain at an address; n is 0 where DWARF has nothing. A unit is read when it is first hit.
 * 0 or -ENOMEM. */
int dwarf_index_find(struct dwarf_index *index, uint64_t address, struct dwarf_chain *ret_chain);
