/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Names of code that no file holds: made at run time, told of by its maker in /tmp/perf-PID.map or a
 * jitdump file. These are read while a recording goes on, as they grow, and once more at its end.
 */

#include "daemon/base/loop.h"
#include "daemon/opener/opener.h"
#include "daemon/symbolize/jit-process.h"

struct jit_symbols;

struct jit_name {
	const char *name; /* NULL: none; `unnamed` says why */
	const char *unnamed;
	const char *file; /* or NULL */
	uint32_t line;
	bool has_map; /* the process tells of its code, though perhaps not of this */
	bool is_interpreted; /* it runs the functions of an interpreter */
};

/* The loop and the opener are borrowed. 0 or a negative errno. */
int jit_symbols_new(struct loop *loop, struct opener *opener, const char *worker_path,
	struct jit_symbols **ret_symbols);
struct jit_symbols *jit_symbols_free(struct jit_symbols *symbols);

/*
 * Code was sampled at an address in no file. Gives a number that stands for the process, and, where
 * addresses are used again, for the time: what has the same address and number has the same name. 0:
 * nothing is kept of this process.
 */
uint64_t jit_symbols_want(struct jit_symbols *symbols, const struct jit_process_id *id,
	uint64_t address, uint64_t time_ns);

/* The texts are valid until the loop runs on. */
void jit_symbols_find(struct jit_symbols *symbols, uint64_t number, uint64_t address,
	uint64_t time_ns, struct jit_name *ret_name);

/* Calls back once, from the loop, when all that was sampled since the last such call has been read again
 * as it stands now, or at the CLOCK_MONOTONIC deadline. 0 or a negative errno. */
int jit_symbols_wait(
	struct jit_symbols *symbols, uint64_t deadline_ns, loop_callback *callback, void *userdata);
void jit_symbols_cancel_wait(struct jit_symbols *symbols, void *userdata);

/* Forgets processes that were not sampled for so long, which must be longer than anybody needs what
 * jit_symbols_want() said: their places go to others. */
void jit_symbols_age(struct jit_symbols *symbols, uint64_t age_ns);

/* CPU time of its worker so far. */
uint64_t jit_symbols_cpu_ns(const struct jit_symbols *symbols);

/* Nothing is recorded any more: forgets all. */
void jit_symbols_rest(struct jit_symbols *symbols);
