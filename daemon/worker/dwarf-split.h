/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Split DWARF: the part of units that compilers leave in .dwo files, or that a packager has put
 * together in one .dwp (DWARF 5, 7.3.2 and 7.3.5; "DWARF Extensions for Split DWARF Packages").
 */

#include "daemon/worker/dwarf-unit.h"

struct dwarf_split;

struct dwarf_split *dwarf_split_new(void);
struct dwarf_split *dwarf_split_free(struct dwarf_split *split);

/* The package; borrowed. 0 or -ENOMEM; a file that is none is ignored. */
int dwarf_split_set_package(struct dwarf_split *split, const struct elf_file *elf);

/* The .dwo file for the unit with this id, which becomes the split's; NULL: it cannot be had. 0 or
 * -ENOMEM, and the file is taken in either case. */
int dwarf_split_add(struct dwarf_split *split, uint64_t id, struct elf_file *elf);

#define DWARF_SPLIT_WANTED 1 /* a file for the skeleton's id was never added */
#define DWARF_SPLIT_NONE 2 /* it is not to be had */

/* The split part of a skeleton, open. 0, DWARF_SPLIT_WANTED, DWARF_SPLIT_NONE, or -ENOMEM. */
int dwarf_split_find(
	struct dwarf_split *split, struct dwarf_unit *skeleton, struct dwarf_unit **ret_unit);
