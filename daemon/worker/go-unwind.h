/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Unwind rows of code that Go's compiler and assembler made: they know how deep rsp is, and say
 * nothing in .eh_frame. */

#include "daemon/worker/cfi-program.h"
#include "daemon/worker/go-functions.h"

struct go_code {
	struct go_functions functions;
	/* Its instructions: data[0] is at `address`. */
	const uint8_t *data;
	size_t size;
	uint64_t address;
	size_t n_steps_left; /* functions may share their depths: what all of them may cost */
};

/* Does the function do nothing but return from a signal handler? It has the frame that the kernel
 * made, and is returned to where it begins: its row begins one byte before, where a caller of that
 * address would be. */
bool go_unwind_is_sigreturn(const struct go_code *code, const struct go_function *function);

/*
 * Appends the rows of one function whose first byte is at file offset pc, of which `size` bytes (at
 * least one) are wanted: at least one row, the first at pc, no two neighbours equal. 0,
 * CFI_TOO_MANY_ROWS or -ENOMEM.
 */
int go_unwind_run(struct go_code *code, const struct go_function *function, uint32_t pc,
	uint32_t size, struct cfi_rows *rows);
