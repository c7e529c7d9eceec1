/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The pool of perfd-elf-worker processes: started when needed, one call at a time each, killed when
 * a call takes too long, replaced when they die. A worker that has parsed a file which some user
 * could have written serves files of that trust only: calls carry a trust, 0 being files that only
 * root can have written.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "daemon/base/loop.h"
#include "daemon/worker/messages.h"

struct workers;
struct worker_call;

/* `reply` is NULL when the worker died or was killed (see is_to_blame); else a header whose sizes fit the limits, and
 * body_size bytes at `body`, both gone after the call. A negative errno says that the reply is
 * nonsense: its worker is killed. The call is the caller's again. */
typedef int worker_call_callback(
	struct worker_call *call, const struct worker_reply *reply, const void *body);

/* For `fds` of a call about one file. */
#define WORKER_ONLY_OBJECT(fd)                                                                     \
	{                                                                                          \
		(fd), -1, -1, -1, -1                                                               \
	}
static_assert(N_WORKER_FILES == 5, "all but the object are -1");

struct worker_call {
	enum worker_job job;
	uint32_t flags; /* of struct worker_request */
	uint64_t split; /* the same */
	uint64_t cookie; /* of the object with these files */
	uint64_t trust;
	bool is_alone; /* by a worker that has seen no file before */
	int fds[N_WORKER_FILES]; /* -1: none; needed until workers_run returns only */
	const uint64_t *offsets; /* the same */
	size_t n_offsets;
	worker_call_callback *on_reply;
	/* Once, if it steps aside for others, before on_reply. May be NULL. */
	void (*on_aside)(struct worker_call *call);
	void *userdata;
	/* The pool's, to be read. */
	bool is_aside;
	bool is_to_blame; /* no reply: the file did that, and would again */
};

struct workers_config {
	const char *path; /* of perfd-elf-worker; copied */
	unsigned n_max;
	uint64_t job_timeout_ns;
	loop_callback *on_idle; /* a call that found all workers busy may be tried again */
	void *userdata;
};

struct workers_statistics {
	uint64_t n_workers, n_restarts, n_timeouts;
};

/* on_idle will tell: one that has the object open will soon be idle; or none is, and calls that take long
 * step aside. */
#define WORKERS_SOON 1
#define WORKERS_BUSY 2
#define WORKERS_BROKEN 3 /* the program cannot be started; tried again some seconds later */

int workers_new(
	struct loop *loop, const struct workers_config *config, struct workers **ret_workers);
/* Kills them all. No callback comes any more. */
struct workers *workers_free(struct workers *workers);

/* Hands the call to a worker. 0 (on_reply will come, from the loop), WORKERS_SOON
 * (only with the cookie of an earlier call), WORKERS_BUSY, WORKERS_BROKEN, or a negative errno. */
int workers_run(struct workers *workers, struct worker_call *call);

/* Somebody waits until other calls are over, who did not ask for a worker: as after WORKERS_BUSY, until
 * on_idle is called next. */
void workers_press(struct workers *workers);

void workers_statistics(const struct workers *workers, struct workers_statistics *ret_statistics);

/* CPU time that all of them have used so far; what one did at its very end may be missing. */
uint64_t workers_cpu_ns(const struct workers *workers);
/* Ends those that are idle: what they keep in memory of files goes with them. */
void workers_trim(struct workers *workers);

#define WORKERS_TRUST_ROOT 0
#define WORKERS_TRUST_NONE UINT64_MAX /* whoever likes may have written it */

/* How far the content of a file can be trusted, by who could have written it. */
uint64_t workers_trust(const struct stat *stat);
/* Of two files parsed together. */
uint64_t workers_trust_both(uint64_t a, uint64_t b);
