/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The function table that Go's linker puts into every program, stripped or not: .gopclntab of Go
 * 1.16 and later (Go's runtime/symtab.go: pcHeader, functab, _func; debug/gosym reads it too).
 */

#include "daemon/worker/cfi-cursor.h"

#define GO_TOP_FRAME 1u /* flags: the outermost frame of its stack */
#define GO_WRITES_SP 2u /* it moves rsp by more than constants */

struct go_functions {
	const uint8_t *data; /* of the whole table */
	size_t size;
	size_t n;
	uint64_t text; /* the address that entries count from; 0: they are absolute */
	uint64_t names, programs, functions; /* where these parts of the table begin */
	uint32_t n_word; /* bytes of one number in the list of functions */
	uint32_t flags_at; /* where a function's flags are, behind its entry */
};

struct go_function {
	uint64_t start, size; /* virtual addresses */
	const char *name; /* ends with a 0, or after name_max bytes with the table */
	size_t name_max;
	uint32_t flags; /* GO_... */
	struct cfi_cursor depth; /* how far rsp is below the return address, by address */
};

/*
 * Understands the table of `size` bytes, which must outlive `ret_functions`. `text`: where the
 * program's code begins, for tables that do not say it. False: it is none, or of an older Go.
 */
bool go_functions_open(
	const uint8_t *data, size_t size, uint64_t text, struct go_functions *ret_functions);

/* The index-th function, in order of their addresses; false: its entry makes no sense. */
bool go_functions_get(
	const struct go_functions *functions, size_t index, struct go_function *ret_function);

/*
 * The next stretch of the function in which rsp is at the same depth: its bytes, and the depth in
 * bytes. `depth` and `*depth_now` (at first -1) go on from call to call. False: that was all.
 */
bool go_function_next_depth(
	struct cfi_cursor *depth, int32_t *depth_now, bool is_first, uint32_t *ret_size);
