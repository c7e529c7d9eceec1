/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Nobody knows before whether a file takes long, or for ever. So a call that has computed for a
 * while steps aside as soon as somebody else waits: its process is stopped as it is, and another one
 * takes its place. What stepped aside goes on when nobody waits, one at a time, he first who has had
 * least, and until somebody does. Thus what hangs delays the others by that while only, and costs one
 * process, when it has had its whole time.
 *
 * Where too many stand aside, one of those whose trust has most of them goes, who has computed for long,
 * and is tried again behind all others: with three dozen that hang, the others still wait for less than
 * the time that one has. Who has taken much memory does not step aside: what is stopped keeps it.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/symbolize/workers-pool.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define ASIDE_MAX 8
#define ASIDE_BYTES_MAX (UINT64_C(384) << 20) /* of all together */
/* Of the time that a call has in all: what it may compute while somebody waits, and what is long. */
#define PATIENCE_PART 128
#define LONG_PART 16

/* What it keeps in memory (proc_pid_statm(5), the second field); 0: cannot tell. */
static uint64_t resident_bytes(const struct worker *worker)
{
	CLEANUP(freep) char *text = NULL;
	unsigned long pages = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/statm", worker->pid);
	if (text_read_file(AT_FDCWD, path, 256, &text, NULL) < 0 ||
		sscanf(text, "%*u %lu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool is_memory_left(const struct worker *worker)
{
	uint64_t bytes = resident_bytes(worker);

	list_for_each (&worker->workers->list, link) {
		const struct worker *other = container_of(link, struct worker, link);

		if (other->is_aside)
			bytes += resident_bytes(other);
	}
	return bytes <= ASIDE_BYTES_MAX;
}

static unsigned n_aside_of(const struct workers *workers, uint64_t trust)
{
	unsigned n = 0;

	list_for_each ((struct list *)&workers->list, link) {
		const struct worker *worker = container_of(link, struct worker, link);

		n += worker->is_aside && worker->trust == trust;
	}
	return n;
}

/* Who goes where too many stand aside, or `worker` would be one too many; NULL: nobody yet. */
static struct worker *find_last(struct worker *worker)
{
	struct workers *workers = worker->workers;
	uint64_t long_ns = workers->config.job_timeout_ns / LONG_PART;
	struct worker *last = NULL;
	unsigned n_last = 0;

	list_for_each (&workers->list, link) {
		struct worker *other = container_of(link, struct worker, link);
		unsigned n = other->is_aside || other == worker
			? n_aside_of(workers, other->trust) + 1
			: 0;

		if (n > n_last && worker_has_computed(other, long_ns)) {
			last = other;
			n_last = n;
		}
	}
	return last;
}

static struct worker *find_running(struct workers *workers)
{
	list_for_each (&workers->list, link) {
		struct worker *worker = container_of(link, struct worker, link);

		if (worker->is_aside && !worker->is_stopped)
			return worker;
	}
	return NULL;
}

static struct worker *find_least(struct workers *workers)
{
	struct worker *least = NULL;

	list_for_each (&workers->list, link) {
		struct worker *worker = container_of(link, struct worker, link);

		if (worker->is_stopped && (!least || worker->ran_ns < least->ran_ns))
			least = worker;
	}
	return least;
}

static void stop(struct worker *worker)
{
	worker->ran_ns = worker_ran_ns(worker);
	worker->is_stopped = true;
	loop_source_set_time(worker->timer, UINT64_MAX / 2);
	kill(worker->pid, SIGSTOP);
}

static void set_aside(struct worker *worker)
{
	struct workers *workers = worker->workers;
	struct worker_call *call = worker->call;

	stop(worker);
	worker->is_aside = call->is_aside = true;
	workers->n_alive--;
	workers->n_aside++;
	if (call->on_aside)
		call->on_aside(call);
	workers_schedule_idle(workers);
}

/* Was it long enough, and is there room? */
static bool may_step_aside(const struct worker *worker, uint64_t patience_ns)
{
	return worker_has_computed(worker, patience_ns) && worker->workers->n_aside < ASIDE_MAX &&
		is_memory_left(worker);
}

void worker_step_aside(struct worker *worker)
{
	struct workers *workers = worker->workers;
	uint64_t patience_ns = workers->config.job_timeout_ns / PATIENCE_PART;
	struct worker *last = workers->n_aside < ASIDE_MAX ? NULL : find_last(worker);

	if (last)
		worker_end_call(last, false);
	if (last == worker)
		return;
	if (may_step_aside(worker, patience_ns))
		set_aside(worker);
	else
		loop_source_set_time(worker->timer, time_now_ns(CLOCK_MONOTONIC) + patience_ns);
}

void worker_come_back(struct worker *worker)
{
	if (!worker->is_aside)
		return;
	if (worker->is_stopped && !worker->is_reaped)
		kill(worker->pid, SIGCONT);
	worker->is_aside = worker->is_stopped = false;
	worker->workers->n_aside--;
	worker->workers->n_alive++;
}

void workers_go_on(struct workers *workers)
{
	struct worker *worker;

	if (workers->is_pressed || !workers->n_aside || find_running(workers))
		return;
	worker = find_least(workers);
	worker->since_ns = time_now_ns(CLOCK_MONOTONIC);
	worker->is_stopped = false;
	loop_source_set_time(
		worker->timer, worker->since_ns + workers->config.job_timeout_ns - worker->ran_ns);
	kill(worker->pid, SIGCONT);
}

void workers_press(struct workers *workers)
{
	uint64_t patience_ns = workers->config.job_timeout_ns / PATIENCE_PART;
	struct worker *running = find_running(workers);

	workers->is_pressed = true;
	if (running)
		stop(running);
	list_for_each (&workers->list, link) {
		struct worker *worker = container_of(link, struct worker, link);

		if (worker->state == WORKER_BUSY && !worker->is_aside)
			loop_source_set_time(worker->timer, worker->since_ns + patience_ns);
	}
}
