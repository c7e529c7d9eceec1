/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which worker does what: one that has the object open already, also if it is busy for a moment, else any
 * that is idle and of the same trust, else a new one, in place of an idle one of no use if need be.
 */

#include "daemon/symbolize/workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/helper.h"
#include "daemon/symbolize/workers-pool.h"
#include "daemon/symbolize/workers-spawn.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

/* A worker costs more to start than most calls take; and an object more to be opened anew, whose DWARF
 * may have to be unpacked for that. */
#define START_AFTER_NS (10 * NS_PER_MS)
#define OPEN_ANEW_AFTER_NS (50 * NS_PER_MS)
/* Processes that were killed and are not gone yet, stuck in a read of some file system. */
#define DYING_MAX 4

/* Those that were told of WORKERS_BUSY may try again. */
static int tell_idle(void *userdata)
{
	struct workers *workers = userdata;
	int r;

	workers->is_pressed = false;
	r = workers->config.on_idle(workers->config.userdata);
	workers_go_on(workers);
	return r;
}

void workers_schedule_idle(struct workers *workers)
{
	int r;

	workers->idle = loop_source_free(workers->idle);
	r = loop_add_deferred(workers->loop, tell_idle, workers, &workers->idle);
	if (r < 0 && r != -ESTALE) /* the loop has ended: nobody waits any more */
		log_warning("cannot plan what the workers do next; going on with the next event");
}

static bool has_recent(const struct worker *worker, uint64_t cookie)
{
	for (size_t i = 0; i < RECENT_MAX; i++)
		if (worker->recent[i] == cookie)
			return true;
	return false;
}

/* An idle worker for the call, best one that knows the object; NULL: none. */
static struct worker *find_idle(struct workers *workers, const struct worker_call *call)
{
	struct worker *found = NULL;

	list_for_each (&workers->list, link) {
		struct worker *worker = container_of(link, struct worker, link);

		if (worker->state != WORKER_IDLE || worker->trust != call->trust)
			continue;
		if (!worker->n_recent || (!call->is_alone && has_recent(worker, call->cookie)))
			return worker;
		if (!call->is_alone)
			found = worker;
	}
	return found;
}

/* Asks to be tried again at that time, if no worker is idle before. 0 or a negative errno. */
static int wait_until(struct workers *workers, uint64_t time_ns)
{
	int r;

	/* Another one is tried again before, and this one with it. */
	if (workers->wait_until_ns > time_now_ns(CLOCK_MONOTONIC) &&
		workers->wait_until_ns <= time_ns)
		return 0;
	if (workers->wait)
		r = loop_source_set_time(workers->wait, time_ns);
	else
		r = loop_add_timer(workers->loop, time_ns, tell_idle, workers, &workers->wait);
	if (r < 0)
		return r;
	workers->wait_until_ns = time_ns;
	return 0;
}

/* How long a call may go on that another one waits for. */
static uint64_t patience_ns(const struct worker *worker, const struct worker_call *call)
{
	return has_recent(worker, call->cookie) ? OPEN_ANEW_AFTER_NS : START_AFTER_NS;
}

/* Will it be idle before another one could do as well? */
static bool is_soon_idle(const struct worker *worker, const struct worker_call *call)
{
	return worker->state == WORKER_BUSY && worker->trust == call->trust && !worker->is_aside &&
		!call->is_alone && worker_ran_ns(worker) < patience_ns(worker, call);
}

/* A busy worker that has the object open and will soon be idle; NULL: none. */
static struct worker *find_holder(struct workers *workers, const struct worker_call *call)
{
	list_for_each (&workers->list, link) {
		struct worker *worker = container_of(link, struct worker, link);

		if (has_recent(worker, call->cookie) && is_soon_idle(worker, call))
			return worker;
	}
	return NULL;
}

/* Makes a worker of the call's trust on its way, in place of one of another trust if need be. */
static int start_one(struct workers *workers, const struct worker_call *call)
{
	struct worker *other = NULL;

	list_for_each (&workers->list, link) {
		struct worker *worker = container_of(link, struct worker, link);

		if (worker->state == WORKER_STARTING && worker->trust == call->trust)
			return WORKERS_BUSY;
		if (is_soon_idle(worker, call)) {
			int r = wait_until(workers, worker->since_ns + patience_ns(worker, call));

			return r < 0 ? r : WORKERS_BUSY;
		}
		/* One of use would have been found. */
		if (worker->state == WORKER_IDLE)
			other = worker;
	}
	if (workers->n_dying >= DYING_MAX)
		return WORKERS_BUSY;
	if (workers->n_alive >= workers->config.n_max) {
		if (!other)
			return WORKERS_BUSY;
		worker_give_up(other);
	}
	if (worker_new(workers, call->trust) < 0) {
		workers_pause(workers);
		return WORKERS_BROKEN;
	}
	return WORKERS_BUSY;
}

/* WORKERS_BUSY, WORKERS_BROKEN, or a negative errno. */
static int find_none(struct workers *workers, const struct worker_call *call)
{
	int r = WORKERS_BROKEN;

	if (workers->broken_until_ns <= time_now_ns(CLOCK_MONOTONIC))
		r = start_one(workers, call);
	if (r == WORKERS_BUSY)
		workers_press(workers);
	return r;
}

int workers_run(struct workers *workers, struct worker_call *call)
{
	struct worker *worker = find_idle(workers, call), *holder;
	struct worker_request request = {
		.magic = WORKER_MAGIC,
		.job = call->job,
		.object = call->cookie,
		.flags = call->flags,
		.n_offsets = (uint32_t)call->n_offsets,
		.split = call->split,
	};
	int r;

	if (!worker)
		return find_none(workers, call);
	holder = has_recent(worker, call->cookie) ? NULL : find_holder(workers, call);
	if (holder) {
		r = wait_until(workers, holder->since_ns + patience_ns(holder, call));
		return r < 0 ? r : WORKERS_SOON;
	}
	request.id = ++worker->id;
	r = workers_send(worker->socket, &request, call->fds, call->offsets);
	if (r < 0) {
		worker_give_up(worker);
		return WORKERS_BUSY;
	}
	if (!has_recent(worker, call->cookie))
		worker->recent[worker->n_recent++ % RECENT_MAX] = call->cookie;
	worker_begin_call(worker, call);
	return 0;
}

int workers_new(
	struct loop *loop, const struct workers_config *config, struct workers **ret_workers)
{
	struct workers *workers = calloc(1, sizeof(*workers));

	if (!workers)
		return -ENOMEM;
	workers->loop = loop;
	workers->config = *config;
	list_init(&workers->list);
	workers->path = strdup(config->path);
	if (!workers->path) {
		workers_free(workers);
		return -ENOMEM;
	}
	*ret_workers = workers;
	return 0;
}

struct workers *workers_free(struct workers *workers)
{
	if (!workers)
		return NULL;
	list_for_each (&workers->list, link) {
		struct worker *worker = container_of(link, struct worker, link);

		worker->on_child = loop_source_free(worker->on_child);
		if (!worker->is_reaped)
			helper_kill(worker->pid);
		worker_free(worker);
	}
	loop_source_free(workers->idle);
	loop_source_free(workers->wait);
	free(workers->path);
	free(workers);
	return NULL;
}

void workers_statistics(const struct workers *workers, struct workers_statistics *ret_statistics)
{
	*ret_statistics = workers->statistics;
	ret_statistics->n_workers = workers->n_alive + workers->n_aside;
}

uint64_t workers_cpu_ns(const struct workers *workers)
{
	uint64_t ns = workers->ended_ns;

	list_for_each ((struct list *)&workers->list, link) {
		const struct worker *worker = container_of(link, struct worker, link);

		if (worker->state != WORKER_DYING)
			ns += worker_cpu_ns(worker);
	}
	return ns;
}

void workers_trim(struct workers *workers)
{
	list_for_each (&workers->list, link) {
		struct worker *worker = container_of(link, struct worker, link);

		if (worker->state == WORKER_IDLE)
			worker_give_up(worker);
	}
}
