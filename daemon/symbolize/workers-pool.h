/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the parts of the pool share: its processes, and who may touch what of them. */

#include <sys/types.h>

#include "daemon/symbolize/workers.h"
#include "proto/base/buffer.h"
#include "proto/base/list.h"

/* Objects that a worker is believed to have open. */
#define RECENT_MAX 16

enum worker_state { WORKER_STARTING, WORKER_IDLE, WORKER_BUSY, WORKER_DYING };

struct worker {
	struct list link; /* workers.list */
	struct workers *workers;
	enum worker_state state;
	pid_t pid;
	bool is_reaped;
	int status; /* then: as from waitpid */
	int socket;
	uint64_t trust;
	uint32_t id; /* of the request under way */
	struct worker_call *call; /* BUSY; DYING: to be told how it ended */
	bool is_aside, is_stopped; /* BUSY: see workers-aside.c */
	uint64_t since_ns, ran_ns, cpu_ns; /* of the call: goes on since, went on before; clock at
					      its begin */
	struct buffer in;
	uint64_t recent[RECENT_MAX];
	size_t n_recent;
	struct loop_source *on_socket, *on_child, *timer;
};

struct workers {
	struct loop *loop;
	char *path;
	struct workers_config config;
	struct list list;
	unsigned n_alive, n_aside, n_dying; /* alive: all that are neither aside nor dying */
	bool is_pressed; /* somebody has found no worker since on_idle was called last */
	unsigned n_start_failures;
	uint64_t broken_until_ns;
	struct workers_statistics statistics;
	uint64_t ended_ns; /* CPU time of those that were given up */
	struct loop_source *idle;
	struct loop_source
		*wait; /* until a call that found all busy may have a worker of its own */
	uint64_t wait_until_ns;
};

/* -- worker-life.c -- */

/* Starts one; it is in the list also if that failed. 0 or a negative errno. */
int worker_new(struct workers *workers, uint64_t trust);
void worker_free(struct worker *worker);
/* Kills it and lets go of it; gives back the call that it had. */
struct worker_call *worker_give_up(struct worker *worker);
/* Its call has had what there was for it. */
void worker_end_call(struct worker *worker, bool is_to_blame);
/* Has its call computed for so long? */
bool worker_has_computed(const struct worker *worker, uint64_t ns);
/* A call begins with a worker that is idle. */
void worker_begin_call(struct worker *worker, struct worker_call *call);
uint64_t worker_cpu_ns(const struct worker *worker);
/* How long its call has had the worker to itself. */
uint64_t worker_ran_ns(const struct worker *worker);
/* The program cannot be started: it counts as broken for a while. */
void workers_pause(struct workers *workers);
/* on_idle will be called. */
void workers_schedule_idle(struct workers *workers);

/* -- workers-aside.c -- */

/* Stops a worker that is BUSY, if there is room; else it will be asked again. */
void worker_step_aside(struct worker *worker);
/* Its call is over, or it is to end. */
void worker_come_back(struct worker *worker);
/* The next that stepped aside goes on, if nobody waits. */
void workers_go_on(struct workers *workers);
