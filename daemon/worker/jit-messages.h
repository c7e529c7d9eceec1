/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What passes between perfd and perfd-elf-worker about the files in which run-times tell of the code
 * that they made. Such a file grows while it is read: a request says where to go on, its reply where
 * the next one does. Nothing is kept in the worker.
 */

#include "daemon/worker/messages.h"

/* What stands in `offsets` of a request for JIT_MAP or JITDUMP; the file is WORKER_FILE_OBJECT. */
enum worker_jit_request {
	WORKER_JIT_POSITION, /* 0, or the last reply's */
	WORKER_JIT_CHECK, /* the last reply's */
	N_WORKER_JIT_REQUEST,
};

#define WORKER_JIT_RESTARTED 1u /* the file was written anew: this is from its beginning */
#define WORKER_JIT_MORE 2u /* there is more to be read now */

/* Then worker_jit_code[n_symbols], worker_jit_line[n_lines], strings (of struct worker_reply). */
struct worker_jit_head {
	uint64_t position;
	uint64_t check; /* of the bytes before the position: do they still stand there? */
	uint32_t flags; /* WORKER_JIT_… */
	uint32_t reserved;
};

/* Code, in the order of its making. */
struct worker_jit_code {
	uint64_t address, size; /* size > 0, address + size does not wrap */
	uint64_t time_ns; /* CLOCK_MONOTONIC, from when on it is there; 0: not told */
	uint64_t moved_from; /* name is 0 then: it is that of the code which was there */
	uint32_t name; /* strings, as in struct worker_line */
	uint32_t first_line, n_lines; /* each line belongs to one code, in order */
	uint32_t reserved;
};

/* Source of the code from `address` on. */
struct worker_jit_line {
	uint64_t address;
	uint32_t file, line;
};

static_assert(sizeof(struct worker_jit_head) == 24, "no padding");
static_assert(sizeof(struct worker_jit_code) == 48, "no padding");
static_assert(sizeof(struct worker_jit_line) == 16, "no padding");
