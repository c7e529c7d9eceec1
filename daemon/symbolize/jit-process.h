/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One process that makes code while it runs, and the two files in which it may tell of it. They are
 * looked for and read in rounds, one step at a time: /tmp/perf-PID.map beneath the process's root
 * (which is held, for the time when the process is gone), and the jit-PID.dump that it has mapped.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/opener/opener.h"
#include "daemon/symbolize/jit-codes.h"
#include "daemon/symbolize/workers.h"
#include "proto/base/list.h"

struct jit_process_id {
	uint32_t pid;
	uint32_t uid; /* effective: the files must be this user's */
	uint64_t start_ns; /* since boot */
};

struct jit_process;

/* What all of them share. */
struct jit_context {
	struct opener *opener;
	struct workers *workers;
	struct list dropped; /* processes that a worker is still at */
	size_t n_codes; /* of all processes */
	void (*on_round)(struct jit_process *process); /* a round has ended */
};

enum jit_step {
	JIT_STEP_ROOT,
	JIT_STEP_FIND_DUMP,
	JIT_STEP_FIND_MAP,
	JIT_STEP_READ_MAP,
	JIT_STEP_READ_DUMP,
	JIT_STEP_DONE,
};

struct jit_file {
	int fd;
	bool is_bad; /* nothing more is read from it */
	const char *reason; /* why not, or NULL */
	uint64_t position, check, trust;
	unsigned n_failures;
	struct stat stat;
};

struct jit_process {
	struct list link; /* jit_context.dropped */
	void *owner;
	struct jit_context *context;
	struct jit_process_id id;
	char map_path[64], dump_name[64];
	int root_fd;
	bool is_gone; /* before its root could be held */
	struct jit_file map, dump;
	struct jit_codes codes;

	enum jit_step step;
	bool is_waiting; /* for a worker */
	bool is_asked; /* the opener or a worker is at it */
	bool is_dropped; /* freed as soon as the worker has answered */
	unsigned n_reads; /* of this round */
	uint64_t round_ns, last_round_ns; /* when this one began, and the one before */
	struct worker_call call;
	uint64_t call_offsets[N_WORKER_JIT_REQUEST];
};

/* Looks at /proc for the pid that the process has for itself. NULL without memory. */
struct jit_process *jit_process_new(struct jit_context *context, const struct jit_process_id *id);
/* At once, or when a worker has let go of it. Takes NULL, returns NULL. */
struct jit_process *jit_process_free(struct jit_process *process);

/* Begins a round, at the end of which on_round is called, at once or from the loop. None may be under
 * way. */
void jit_process_begin(struct jit_process *process);
/* Goes on with a round that waited for a worker. */
void jit_process_resume(struct jit_process *process);

/* Why an address of it has no name. */
const char *jit_process_reason(const struct jit_process *process);
