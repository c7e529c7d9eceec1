/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The code that one process made at run time, with its history: addresses are used again, and a
 * sample's is called after what was there at its time.
 */

#include <stdbool.h>

#include "daemon/symbolize/jit-reply.h"
#include "proto/base/buffer.h"
#include "proto/base/hash.h"

struct jit_code {
	uint64_t address, end;
	uint64_t since_ns; /* CLOCK_MONOTONIC: not there before, as far as that is known */
	uint32_t name; /* offset into names */
	uint32_t first_line, n_lines;
	uint32_t order; /* of its making */
};

struct jit_code_line {
	uint64_t address;
	uint32_t file; /* offset into names; 0: unknown */
	uint32_t line;
};

struct jit_codes {
	struct jit_code *items; /* by address, then by order, */
	uint64_t *ends; /* the highest end of items[0..i] */
	size_t n, n_allocated, n_ends_allocated;
	size_t n_sorted; /* the first ones: what is looked at; all of them outside of this module */
	uint32_t next_order;
	struct jit_code_line *lines;
	size_t n_lines, n_lines_allocated;
	struct buffer names; /* each with its NUL; the first is "" */
	uint64_t *pages; /* hash of pages whose addresses were used again */
	size_t n_pages, n_pages_allocated;
	struct hash page_hash;
};

#define JIT_CODES_FULL 1 /* not all was kept: see the limits */

void jit_codes_done(struct jit_codes *codes);

/* Adds what a reply tells; since_ns: since when it may be there, where the reply does not say. 0,
 * JIT_CODES_FULL, or -ENOMEM. */
int jit_codes_add(struct jit_codes *codes, const struct jit_reply *reply, uint64_t since_ns);

/* The code at an address at a time: the last that was there by then, else the first that came. NULL:
 * there was never any. */
const struct jit_code *jit_codes_find(
	const struct jit_codes *codes, uint64_t address, uint64_t time_ns);

/* Its source line at the address, or NULL. */
const struct jit_code_line *jit_codes_line(
	const struct jit_codes *codes, const struct jit_code *code, uint64_t address);

/* A text of the table. */
const char *jit_codes_text(const struct jit_codes *codes, uint32_t text);

/* Was different code seen near this address? */
bool jit_codes_is_reused(const struct jit_codes *codes, uint64_t address);
