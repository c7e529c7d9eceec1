/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A worker's life: STARTING until it says that its sandbox stands, IDLE, BUSY with one call, DYING
 * once it was given up. Its socket's end, not its death, is what ends a call: a reply that was sent
 * before the end still counts. The record is freed when the process is reaped.
 *
 * A worker that dies before its first word never saw a file: that is no object's fault. After a few
 * such in a row the program counts as broken for some seconds.
 */

#include "daemon/symbolize/workers.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "daemon/base/helper.h"
#include "daemon/symbolize/workers-spawn.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

/* Processes that were killed and are not gone yet, stuck in a read of some file system. */
#define DYING_MAX 4
#define START_TIMEOUT_NS (5 * NS_PER_SECOND)
#define START_FAILURES_MAX 3
#define BROKEN_NS (5 * NS_PER_SECOND)
/* Objects that a worker is believed to have open. */
#define RECENT_MAX 16

enum worker_state { WORKER_STARTING, WORKER_IDLE, WORKER_BUSY, WORKER_DYING };

struct worker {
	struct list link; /* workers.list */
	struct workers *workers;
	enum worker_state state;
	pid_t pid;
	bool is_reaped;
	int socket;
	uint64_t trust;
	uint32_t id; /* of the request under way */
	struct worker_call *call;
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
	unsigned n_alive, n_dying; /* alive: all that are not dying */
	unsigned n_start_failures;
	uint64_t broken_until_ns;
	struct workers_statistics statistics;
	uint64_t ended_ns; /* CPU time of those that were given up */
	struct loop_source *idle;
};

static int tell_idle(void *userdata)
{
	struct workers *workers = userdata;

	return workers->config.on_idle(workers->config.userdata);
}

static void schedule_idle(struct workers *workers)
{
	int r;

	workers->idle = loop_source_free(workers->idle);
	r = loop_add_deferred(workers->loop, tell_idle, workers, &workers->idle);
	if (r < 0 && r != -ESTALE) /* the loop has ended: nobody waits any more */
		log_warning("cannot plan what the workers do next; going on with the next event");
}

static void worker_free(struct worker *worker)
{
	if (worker->state == WORKER_DYING)
		worker->workers->n_dying--;
	else
		worker->workers->n_alive--;
	list_remove(&worker->link);
	loop_source_free(worker->on_socket);
	loop_source_free(worker->on_child);
	loop_source_free(worker->timer);
	closep(&worker->socket);
	buffer_done(&worker->in);
	free(worker);
}

static uint64_t worker_cpu_ns(const struct worker *worker)
{
	struct timespec used;
	clockid_t clock;

	if (worker->is_reaped || clock_getcpuclockid(worker->pid, &clock) ||
		clock_gettime(clock, &used) < 0)
		return 0;
	return (uint64_t)used.tv_sec * NS_PER_SECOND + (uint64_t)used.tv_nsec;
}

/* Kills it and lets go of it; gives back the call that it had. */
static struct worker_call *worker_give_up(struct worker *worker)
{
	struct workers *workers = worker->workers;
	struct worker_call *call = TAKE(worker->call);

	if (worker->state == WORKER_DYING)
		return call;
	workers->ended_ns += worker_cpu_ns(worker);
	if (!worker->is_reaped)
		kill(worker->pid, SIGKILL);
	worker->state = WORKER_DYING;
	workers->n_alive--;
	workers->n_dying++;
	worker->on_socket = loop_source_free(worker->on_socket);
	worker->timer = loop_source_free(worker->timer);
	closep(&worker->socket);
	if (worker->is_reaped)
		worker_free(worker);
	schedule_idle(workers);
	return call;
}

static void worker_fail(struct worker *worker, const char *why)
{
	struct workers *workers = worker->workers;
	bool was_starting = worker->state == WORKER_STARTING;
	struct worker_call *call = worker_give_up(worker);

	if (was_starting && ++workers->n_start_failures >= START_FAILURES_MAX) {
		if (workers->n_start_failures == START_FAILURES_MAX)
			log_error("cannot start %s: %s; frames stay without names", workers->path,
				why);
		workers->broken_until_ns = time_now_ns(CLOCK_MONOTONIC) + BROKEN_NS;
	}
	if (!call)
		return;
	workers->statistics.n_restarts++;
	call->on_reply(call, NULL, NULL);
}

static int on_timer(void *userdata)
{
	struct worker *worker = userdata;

	if (worker->state == WORKER_BUSY)
		worker->workers->statistics.n_timeouts++;
	if (worker->state != WORKER_IDLE)
		worker_fail(worker, "it does not answer");
	return 0;
}

static int on_child(void *userdata, int status)
{
	struct worker *worker = userdata;

	worker->is_reaped = true;
	if (worker->state == WORKER_DYING)
		worker_free(worker);
	return 0;
}

static void worker_set_idle(struct worker *worker)
{
	worker->state = WORKER_IDLE;
	buffer_clear(&worker->in);
	loop_source_set_time(worker->timer, UINT64_MAX / 2);
	schedule_idle(worker->workers);
}

/* A whole message is in: the first is a greeting, the others are replies. */
static void worker_receive(struct worker *worker)
{
	struct buffer in = worker->in;
	struct worker_reply reply;
	struct worker_call *call;
	int r;

	memcpy(&reply, in.data, sizeof(reply));
	if (worker->state == WORKER_STARTING) {
		worker->workers->n_start_failures = 0;
		worker_set_idle(worker);
		return;
	}
	if (worker->state != WORKER_BUSY) {
		worker_fail(worker, "it speaks unasked");
		return;
	}
	call = TAKE(worker->call);
	worker->in = (struct buffer){};
	if (reply.flags & WORKER_FLAG_RETIRING)
		worker_give_up(worker);
	else
		worker_set_idle(worker);
	/* The callback may start the next call, and the worker may be gone after it: what is
	 * needed is on the stack. */
	r = call->on_reply(call, &reply, in.data + sizeof(reply));
	buffer_done(&in);
	if (r < 0 && !(reply.flags & WORKER_FLAG_RETIRING) && worker->state == WORKER_IDLE) {
		worker->workers->statistics.n_restarts++;
		worker_fail(worker, "it answers nonsense");
	}
}

/* 0: not all is there yet; 1: a message is complete; negative: this is none. */
static int message_state(const struct worker *worker)
{
	struct worker_reply reply;

	if (worker->in.size < sizeof(reply))
		return 0;
	memcpy(&reply, worker->in.data, sizeof(reply));
	if (reply.magic != WORKER_MAGIC || reply.id != worker->id ||
		reply.body_size > WORKER_REPLY_BYTES_MAX)
		return -EPROTO;
	if (worker->in.size > sizeof(reply) + reply.body_size)
		return -EPROTO;
	return worker->in.size == sizeof(reply) + reply.body_size;
}

static int on_socket(void *userdata, uint32_t events)
{
	struct worker *worker = userdata;
	size_t room = 64 << 10;
	char *to = buffer_reserve(&worker->in, room);
	ssize_t n = to ? recv(worker->socket, to, room, MSG_DONTWAIT) : -1;
	int r;

	if (to && n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		worker_fail(worker, "it ends at once");
		return 0;
	}
	worker->in.size += (size_t)n;
	r = message_state(worker);
	if (r < 0)
		worker_fail(worker, "it answers nonsense");
	else if (r > 0)
		worker_receive(worker);
	return 0;
}

static int worker_new(struct workers *workers, uint64_t trust)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int r;

	if (!worker)
		return -ENOMEM;
	worker->workers = workers;
	worker->trust = trust;
	r = workers_spawn(workers->path, &worker->pid, &worker->socket);
	if (r < 0) {
		free(worker);
		return r;
	}
	list_add_tail(&workers->list, &worker->link);
	workers->n_alive++;
	r = loop_add_child(workers->loop, worker->pid, on_child, worker, &worker->on_child);
	if (r == 0)
		r = loop_add_fd(workers->loop, worker->socket, EPOLLIN, on_socket, worker,
			&worker->on_socket);
	if (r == 0)
		r = loop_add_timer(workers->loop, time_now_ns(CLOCK_MONOTONIC) + START_TIMEOUT_NS,
			on_timer, worker, &worker->timer);
	if (r < 0)
		worker_give_up(worker);
	return r;
}

static bool has_recent(const struct worker *worker, uint64_t cookie)
{
	for (size_t i = 0; i < RECENT_MAX; i++)
		if (worker->recent[i] == cookie)
			return true;
	return false;
}

/* An idle worker of this trust, best one that knows the object; NULL: none. */
static struct worker *find_idle(struct workers *workers, uint64_t trust, uint64_t cookie)
{
	struct worker *found = NULL;

	list_for_each (&workers->list, link) {
		struct worker *worker = container_of(link, struct worker, link);

		if (worker->state != WORKER_IDLE || worker->trust != trust)
			continue;
		if (has_recent(worker, cookie))
			return worker;
		if (!found)
			found = worker;
	}
	return found;
}

/* Makes a worker of this trust on its way, in place of one of another trust if need be. */
static int start_one(struct workers *workers, uint64_t trust)
{
	struct worker *other = NULL;

	list_for_each (&workers->list, link) {
		struct worker *worker = container_of(link, struct worker, link);

		if (worker->state == WORKER_STARTING && worker->trust == trust)
			return WORKERS_BUSY;
		if (worker->state == WORKER_IDLE && worker->trust != trust)
			other = worker;
	}
	if (workers->n_dying >= DYING_MAX)
		return WORKERS_BUSY;
	if (workers->n_alive >= workers->config.n_max) {
		if (!other)
			return WORKERS_BUSY;
		worker_give_up(other);
	}
	if (worker_new(workers, trust) < 0) {
		workers->broken_until_ns = time_now_ns(CLOCK_MONOTONIC) + BROKEN_NS;
		return WORKERS_BROKEN;
	}
	return WORKERS_BUSY;
}

int workers_run(struct workers *workers, struct worker_call *call)
{
	struct worker *worker = find_idle(workers, call->trust, call->cookie);
	struct worker_request request = {
		.magic = WORKER_MAGIC,
		.job = call->job,
		.object = call->cookie,
		.flags = call->flags,
		.n_offsets = (uint32_t)call->n_offsets,
		.split = call->split,
	};
	int r;

	if (!worker && workers->broken_until_ns > time_now_ns(CLOCK_MONOTONIC))
		return WORKERS_BROKEN;
	if (!worker)
		return start_one(workers, call->trust);
	request.id = ++worker->id;
	r = workers_send(worker->socket, &request, call->fds, call->offsets);
	if (r < 0) {
		worker_give_up(worker);
		return WORKERS_BUSY;
	}
	if (!has_recent(worker, call->cookie))
		worker->recent[worker->n_recent++ % RECENT_MAX] = call->cookie;
	worker->state = WORKER_BUSY;
	worker->call = call;
	loop_source_set_time(
		worker->timer, time_now_ns(CLOCK_MONOTONIC) + workers->config.job_timeout_ns);
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
	free(workers->path);
	free(workers);
	return NULL;
}

void workers_statistics(const struct workers *workers, struct workers_statistics *ret_statistics)
{
	*ret_statistics = workers->statistics;
	ret_statistics->n_workers = workers->n_alive;
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
