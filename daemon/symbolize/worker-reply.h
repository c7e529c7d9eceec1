/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "daemon/symbolize/symbolizer.h"
#include "daemon/worker/messages.h"

/* Answers of a worker as plain symbols; one block of memory with all they point to. */
struct symbol_block {
	struct symbol_block *next; /* the owner's */
	size_t n;
	struct symbol symbols[];
};

/*
 * Checks a reply to a NAMES or LINES job for n_offsets offsets, and makes symbols of it: freed with
 * free(). body is a private copy that nobody else can change. 0, -ENOMEM, or -EPROTO: nothing in
 * it is to be used.
 */
int worker_reply_symbols(const struct worker_reply *reply, const void *body, size_t n_offsets,
	struct symbol_block **ret_block);

/* The same for PROBE: names are without '/' and control characters, or empty. */
int worker_reply_probe(
	const struct worker_reply *reply, const void *body, struct worker_probe *ret_probe);

/* A body of WANTS_SPLIT: a path that is absolute and printable, or empty. 0 or -EPROTO. */
int worker_reply_want(
	const struct worker_reply *reply, const void *body, struct worker_want *ret_want);

/* n symbols that are unnamed for one reason (a static text), at the offsets; or NULL. */
struct symbol_block *symbol_block_unnamed(const uint64_t *offsets, size_t n, const char *reason);
