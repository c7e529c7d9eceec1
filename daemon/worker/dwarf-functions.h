/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The functions of one unit and what was inlined into them, by address. */

#include "daemon/worker/dwarf-unit.h"
#include "daemon/worker/range-index.h"

struct dwarf_function {
	uint32_t die; /* offset from the unit's */
	bool is_inlined;
};

struct dwarf_functions {
	struct dwarf_function *functions;
	size_t n, n_allocated;
	struct range_index ranges; /* id: index of a function */
};

/* Walks the unit's entries, once. 0 or -ENOMEM. */
int dwarf_functions_read(struct dwarf_unit *unit, struct dwarf_functions *ret_functions);
void dwarf_functions_done(struct dwarf_functions *functions);

struct dwarf_description {
	const char *name; /* as the linker would know it, else as written; NULL: unknown */
	uint32_t start_line; /* where it is declared; 0: unknown */
	uint32_t call_file, call_line; /* of an inlined one: where it was called */
};

/* 0 or -ENOMEM; what is unknown stays NULL and 0. */
int dwarf_function_describe(struct dwarf_unit *unit, const struct dwarf_function *function,
	struct dwarf_description *ret_description);
