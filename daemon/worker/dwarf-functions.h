/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The functions of one unit and what was inlined into them, by address. */

#include "daemon/worker/dwarf-unit.h"
#include "daemon/worker/range-index.h"

struct dwarf_description {
	const char *name; /* as the linker would know it, else as written; NULL: unknown */
	uint32_t start_line; /* where it is declared; 0: unknown */
	uint32_t call_file, call_line; /* of an inlined one: where it was called */
};

struct dwarf_function {
	uint32_t die; /* offset from the unit's */
	uint32_t is_inlined : 1, described : 31; /* its description; 0: none yet */
};

struct dwarf_functions {
	struct dwarf_function *functions;
	size_t n, n_allocated;
	struct range_index ranges; /* id: index of a function */
	struct dwarf_description *descriptions; /* of those that were asked for; 0 is none */
	size_t n_descriptions, n_descriptions_allocated;
};

/* Walks the unit's entries, once. 0 or -ENOMEM. */
int dwarf_functions_read(struct dwarf_unit *unit, struct dwarf_functions *ret_functions);
void dwarf_functions_done(struct dwarf_functions *functions);

/* Looked up once for each function. 0 or -ENOMEM; what is unknown stays NULL and 0. */
int dwarf_function_describe(struct dwarf_unit *unit, struct dwarf_functions *functions, uint32_t id,
	const struct dwarf_description **ret_description);
