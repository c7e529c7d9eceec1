/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A worker's life: STARTING until it says that its sandbox stands, IDLE, BUSY with one call, DYING
 * once it was given up. Its socket's end, not its death, is what ends a call: a reply that was sent
 * before the end still counts. The record is freed when the process is reaped.
 *
 * Who is to blame for a call without an answer? A file that makes its worker end by a fault, talk
 * nonsense, or compute until its time is over does so again, and the call says so. A worker that
 * somebody else has killed or stopped, or that waits for a disk, says nothing about its file; nor does
 * one that may have been broken by another one's file. How a
 * worker ended is known a moment after its socket's end: until then the call stays with it.
 *
 * A worker that dies before its first word never saw a file: that is no object's fault. After a few
 * such in a row the program counts as broken for some seconds.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/symbolize/workers-pool.h"
#include "daemon/symbolize/workers-spawn.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define START_TIMEOUT_NS (5 * NS_PER_SECOND)
#define START_FAILURES_MAX 3
#define BROKEN_NS (5 * NS_PER_SECOND)
/* Who has computed for that part of the time was not kept from answering by others; */
#define COMPUTED_PART 4
/* who would have, and had no processor, has that many times the time. */
#define STARVED_TIMES 4

void worker_free(struct worker *worker)
{
	if (worker->state == WORKER_DYING)
		worker->workers->n_dying--;
	else if (worker->is_aside)
		worker->workers->n_aside--;
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

uint64_t worker_cpu_ns(const struct worker *worker)
{
	struct timespec used;
	clockid_t clock;

	if (worker->is_reaped || clock_getcpuclockid(worker->pid, &clock) ||
		clock_gettime(clock, &used) < 0)
		return 0;
	return (uint64_t)used.tv_sec * NS_PER_SECOND + (uint64_t)used.tv_nsec;
}

uint64_t worker_ran_ns(const struct worker *worker)
{
	if (worker->is_stopped)
		return worker->ran_ns;
	return worker->ran_ns + time_now_ns(CLOCK_MONOTONIC) - worker->since_ns;
}

struct worker_call *worker_give_up(struct worker *worker)
{
	struct workers *workers = worker->workers;
	struct worker_call *call = TAKE(worker->call);

	if (worker->state == WORKER_DYING)
		return call;
	workers->ended_ns += worker_cpu_ns(worker);
	if (!worker->is_reaped)
		kill(worker->pid, SIGKILL);
	worker_come_back(worker);
	worker->state = WORKER_DYING;
	workers->n_alive--;
	workers->n_dying++;
	worker->on_socket = loop_source_free(worker->on_socket);
	worker->timer = loop_source_free(worker->timer);
	closep(&worker->socket);
	if (worker->is_reaped)
		worker_free(worker);
	workers_schedule_idle(workers);
	return call;
}

void workers_pause(struct workers *workers)
{
	workers->broken_until_ns = time_now_ns(CLOCK_MONOTONIC) + BROKEN_NS;
}

static void count_start_failure(struct workers *workers, const char *why)
{
	if (++workers->n_start_failures < START_FAILURES_MAX)
		return;
	if (workers->n_start_failures == START_FAILURES_MAX)
		log_error("cannot start %s: %s; frames stay without names", workers->path, why);
	workers_pause(workers);
}

/* What one whom it trusts with nothing has written may have broken it before. */
static bool is_sound(const struct worker *worker)
{
	return worker->trust != WORKERS_TRUST_NONE || worker->n_recent <= 1;
}

static void worker_fail(struct worker *worker, const char *why, bool is_to_blame)
{
	struct workers *workers = worker->workers;
	bool was_starting = worker->state == WORKER_STARTING;
	bool was_sound = is_sound(worker);
	struct worker_call *call = worker_give_up(worker);

	if (was_starting)
		count_start_failure(workers, why);
	if (!call)
		return;
	workers->statistics.n_restarts++;
	call->is_to_blame = is_to_blame && was_sound;
	call->on_reply(call, NULL, NULL);
}

/* What a program does that nobody else has ended. */
static bool ended_itself(int status)
{
	return !WIFSIGNALED(status) ||
		(WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM &&
			WTERMSIG(status) != SIGINT && WTERMSIG(status) != SIGHUP);
}

/* The other end of the socket is gone; how the process ended may be told later. */
static void on_end(struct worker *worker)
{
	struct worker_call *call;

	if (worker->is_reaped || worker->state != WORKER_BUSY) {
		worker_fail(worker, "it ends at once",
			worker->is_reaped && ended_itself(worker->status));
		return;
	}
	call = worker_give_up(worker);
	worker->call = call;
}

static int on_child(void *userdata, int status)
{
	struct worker *worker = userdata;
	struct workers *workers = worker->workers;
	bool is_to_blame = ended_itself(status) && is_sound(worker);
	struct worker_call *call;

	worker->is_reaped = true;
	worker->status = status;
	if (worker->state != WORKER_DYING)
		return 0;
	call = TAKE(worker->call);
	worker_free(worker);
	workers_schedule_idle(workers);
	if (!call)
		return 0;
	workers->statistics.n_restarts++;
	call->is_to_blame = is_to_blame;
	call->on_reply(call, NULL, NULL);
	return 0;
}

bool worker_has_computed(const struct worker *worker, uint64_t ns)
{
	return worker_cpu_ns(worker) - worker->cpu_ns >= ns;
}

void worker_end_call(struct worker *worker, bool is_to_blame)
{
	worker->workers->statistics.n_timeouts++;
	worker_fail(worker, "it does not answer", is_to_blame);
}

/* Does it wait for a processor (proc_pid_stat(5), the state)? */
static bool is_starved(const struct worker *worker)
{
	CLEANUP(freep) char *text = NULL;
	const char *state;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", worker->pid);
	if (text_read_file(AT_FDCWD, path, 4096, &text, NULL) < 0)
		return false;
	state = strrchr(text, ')');
	return state && !strncmp(state, ") R", 3);
}

static bool has_had_its_time(const struct worker *worker)
{
	uint64_t ran_ns = worker_ran_ns(worker);
	uint64_t timeout_ns = worker->workers->config.job_timeout_ns;

	return ran_ns >= timeout_ns &&
		(ran_ns >= STARVED_TIMES * timeout_ns ||
			worker_has_computed(worker, timeout_ns / COMPUTED_PART) ||
			!is_starved(worker));
}

static int on_timer(void *userdata)
{
	struct worker *worker = userdata;
	uint64_t timeout_ns = worker->workers->config.job_timeout_ns, ran_ns;

	if (worker->state == WORKER_STARTING) {
		worker_fail(worker, "it does not answer", false);
		return 0;
	}
	if (worker->state != WORKER_BUSY)
		return 0;
	if (has_had_its_time(worker)) {
		worker_end_call(worker, worker_has_computed(worker, timeout_ns / COMPUTED_PART));
		return 0;
	}
	if (!worker->is_aside && worker->workers->is_pressed) {
		worker_step_aside(worker);
		return 0;
	}
	ran_ns = worker_ran_ns(worker);
	loop_source_set_time(worker->timer,
		time_now_ns(CLOCK_MONOTONIC) +
			(ran_ns < timeout_ns ? timeout_ns - ran_ns : timeout_ns / COMPUTED_PART));
	return 0;
}

static void worker_set_idle(struct worker *worker)
{
	worker_come_back(worker);
	worker->state = WORKER_IDLE;
	buffer_clear(&worker->in);
	loop_source_set_time(worker->timer, UINT64_MAX / 2);
	workers_schedule_idle(worker->workers);
}

/* A whole message is in: the first is a greeting, the others are replies. */
static void worker_receive(struct worker *worker)
{
	struct buffer in = worker->in;
	struct worker_reply reply;
	struct worker_call *call;
	bool is_over;
	int r;

	memcpy(&reply, in.data, sizeof(reply));
	if (worker->state == WORKER_STARTING) {
		worker->workers->n_start_failures = 0;
		worker_set_idle(worker);
		return;
	}
	if (worker->state != WORKER_BUSY) {
		worker_fail(worker, "it speaks unasked", true);
		return;
	}
	call = TAKE(worker->call);
	worker->in = (struct buffer){};
	/* While it stood aside another one has taken its place. */
	is_over = reply.flags & WORKER_FLAG_RETIRING ||
		(worker->is_aside && worker->workers->n_alive >= worker->workers->config.n_max);
	if (is_over)
		worker_give_up(worker);
	else
		worker_set_idle(worker);
	/* The callback may start the next call, and the worker may be gone after it: what is
	 * needed is on the stack. */
	r = call->on_reply(call, &reply, in.data + sizeof(reply));
	buffer_done(&in);
	if (r < 0 && !is_over && worker->state == WORKER_IDLE) {
		worker->workers->statistics.n_restarts++;
		worker_fail(worker, "it answers nonsense", true);
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
		on_end(worker);
		return 0;
	}
	worker->in.size += (size_t)n;
	r = message_state(worker);
	if (r < 0)
		worker_fail(worker, "it answers nonsense", true);
	else if (r > 0)
		worker_receive(worker);
	return 0;
}

int worker_new(struct workers *workers, uint64_t trust)
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

void worker_begin_call(struct worker *worker, struct worker_call *call)
{
	worker->state = WORKER_BUSY;
	worker->call = call;
	worker->since_ns = time_now_ns(CLOCK_MONOTONIC);
	worker->ran_ns = 0;
	worker->cpu_ns = worker_cpu_ns(worker);
	call->is_to_blame = call->is_aside = false;
	loop_source_set_time(
		worker->timer, worker->since_ns + worker->workers->config.job_timeout_ns);
}
