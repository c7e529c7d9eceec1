/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The parent's side: one request at a time is with the child, the others wait in order. A child that
 * lets its deadline pass is killed, which may not help, and no longer listened to; it counts as
 * stuck until it really ends. Invariant: `child` is set exactly while somebody can be asked.
 */

#include "daemon/opener/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/opener/opener-wire.h"
#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/time.h"

struct child {
	struct list link; /* opener.stuck */
	struct opener *opener;
	pid_t pid;
	int fd;
	struct loop_source *socket, *end;
};

struct queued {
	struct list link; /* opener.queue */
	struct opener_wire_request request;
	int root_fd; /* -1 where none is needed */
	opener_callback *callback; /* NULL: cancelled */
	void *userdata;
};

struct opener {
	struct loop *loop;
	struct child *child; /* NULL: too many are stuck */
	struct list stuck, queue;
	size_t n_stuck, n_queued;
	bool is_asked; /* the first of the queue is with the child */
	struct loop_source *timer, *deferred;
};

static void opener_next(struct opener *opener);

static struct child *child_free(struct child *child)
{
	if (!child)
		return NULL;
	list_remove(&child->link);
	loop_source_free(child->socket);
	loop_source_free(child->end);
	closep(&child->fd);
	free(child);
	return NULL;
}

static void queued_free(struct queued *queued)
{
	closep(&queued->root_fd);
	free(queued);
}

/* Answers the first of the queue and takes it off. */
static void queue_answer(struct opener *opener, struct opener_reply *reply)
{
	struct queued *queued = container_of(opener->queue.next, struct queued, link);

	list_remove(&queued->link);
	opener->n_queued--;
	opener->is_asked = false;
	if (queued->callback)
		queued->callback(queued->userdata, reply);
	closep(&reply->fd);
	queued_free(queued);
}

static void queue_fail(struct opener *opener, int error)
{
	struct opener_reply reply = {.fd = -1, .error = error};

	queue_answer(opener, &reply);
}

static void child_abandon(struct opener *opener);

static int on_socket(void *userdata, uint32_t events)
{
	struct child *child = userdata;
	struct opener *opener = child->opener;
	static struct opener_wire_reply wire;
	struct opener_reply reply = {.fd = -1};
	ssize_t n = opener_wire_receive(child->fd, &wire, sizeof(wire), &reply.fd, MSG_DONTWAIT);

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n != sizeof(wire) || !opener->is_asked) {
		closep(&reply.fd);
		child_abandon(opener);
		return 0;
	}
	reply.error = reply.fd < 0 && !wire.error ? -EIO : wire.error;
	reply.is_by_path = wire.is_by_path;
	reply.stat = wire.stat;
	reply.has_identity = wire.has_identity;
	reply.identity = wire.identity;
	snprintf(reply.path, sizeof(reply.path), "%.*s", (int)sizeof(wire.path) - 1, wire.path);
	queue_answer(opener, &reply);
	opener_next(opener);
	return 0;
}

static int on_stuck_end(void *userdata, int status)
{
	struct child *child = userdata;
	struct opener *opener = child->opener;

	opener->n_stuck--;
	child_free(child);
	opener_next(opener);
	return 0;
}

static int child_start(struct opener *opener)
{
	struct child *child = calloc(1, sizeof(*child));
	CLEANUP(closep) int ours = -1, theirs = -1;
	int pair[2], r;

	if (!child)
		return -ENOMEM;
	child->fd = -1;
	child->opener = opener;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		child_free(child);
		return -errno;
	}
	ours = pair[0];
	theirs = pair[1];
	child->pid = fork();
	if (!child->pid)
		opener_child_run(theirs);
	r = child->pid < 0 ? -errno : 0;
	child->fd = take_fd(&ours);
	if (!r)
		r = loop_add_fd(opener->loop, child->fd, EPOLLIN, on_socket, child, &child->socket);
	if (r < 0) {
		if (child->pid > 0) {
			kill(child->pid, SIGKILL);
			waitpid(child->pid, NULL, 0); /* it was never asked: nothing holds it */
		}
		child_free(child);
		return r;
	}
	opener->child = child;
	return 0;
}

/* Lets go of the child; the request that it had fails. A successor is started when there is one to
 * answer, unless too many are stuck. */
static void child_abandon(struct opener *opener)
{
	struct child *child = opener->child;

	opener->child = NULL;
	child->socket = loop_source_free(child->socket);
	closep(&child->fd);
	kill(child->pid, SIGKILL);
	list_add_tail(&opener->stuck, &child->link);
	opener->n_stuck++;
	if (loop_add_child(opener->loop, child->pid, on_stuck_end, child, &child->end) < 0) {
		opener->n_stuck--;
		child_free(child);
	}
	if (opener->is_asked)
		queue_fail(opener, -ETIMEDOUT);
	opener_next(opener);
}

static int on_deadline(void *userdata)
{
	struct opener *opener = userdata;

	if (opener->is_asked)
		child_abandon(opener);
	return 0;
}

/* Hands the first of the queue to the child, if both are there. */
static void opener_next(struct opener *opener)
{
	struct queued *queued;

	if (opener->is_asked || list_is_empty(&opener->queue))
		return;
	if (!opener->child && (opener->n_stuck >= OPENER_STUCK_MAX || child_start(opener) < 0)) {
		queue_fail(opener, -EBUSY);
		if (!list_is_empty(&opener->queue))
			loop_source_set_time(opener->timer, time_now_ns(CLOCK_MONOTONIC));
		return;
	}
	queued = container_of(opener->queue.next, struct queued, link);
	opener->is_asked = true;
	loop_source_set_time(
		opener->timer, time_now_ns(CLOCK_MONOTONIC) + OPENER_DEADLINE_MS * NS_PER_MS);
	if (opener_wire_send(opener->child->fd, &queued->request, sizeof(queued->request),
		    queued->root_fd, MSG_DONTWAIT) < 0)
		child_abandon(opener);
}

static int on_timer(void *userdata)
{
	struct opener *opener = userdata;

	if (opener->is_asked)
		return on_deadline(opener);
	opener_next(opener);
	return 0;
}

int opener_new(struct loop *loop, struct opener **ret_opener)
{
	struct opener *opener = calloc(1, sizeof(*opener));
	int r;

	if (!opener)
		return -ENOMEM;
	opener->loop = loop;
	list_init(&opener->stuck);
	list_init(&opener->queue);
	r = loop_add_timer(loop, UINT64_MAX / 2, on_timer, opener, &opener->timer);
	if (!r)
		r = child_start(opener);
	if (r < 0) {
		opener_free(opener);
		return r;
	}
	*ret_opener = opener;
	return 0;
}

struct opener *opener_free(struct opener *opener)
{
	if (!opener)
		return NULL;
	list_for_each (&opener->queue, link)
		queued_free(container_of(link, struct queued, link));
	list_for_each (&opener->stuck, stuck)
		child_free(container_of(stuck, struct child, link));
	if (opener->child) {
		kill(opener->child->pid, SIGKILL);
		/* It holds nothing but its socket; if its open hangs for ever, init reaps it. */
		waitpid(opener->child->pid, NULL, opener->is_asked ? WNOHANG : 0);
		child_free(opener->child);
	}
	loop_source_free(opener->timer);
	free(opener);
	return NULL;
}

int opener_submit(struct opener *opener, const struct opener_request *request,
	opener_callback *callback, void *userdata)
{
	struct queued *queued;
	int r = 0;

	if (opener->n_queued >= OPENER_QUEUE_MAX)
		return -EBUSY;
	if (request->path && strlen(request->path) >= OPENER_PATH_MAX)
		return -ENAMETOOLONG;
	queued = calloc(1, sizeof(*queued));
	if (!queued)
		return -ENOMEM;
	queued->root_fd = -1;
	if (request->how == OPENER_BENEATH || request->how == OPENER_IN_ROOT) {
		queued->root_fd = fcntl(request->root_fd, F_DUPFD_CLOEXEC, 0);
		if (queued->root_fd < 0) {
			free(queued);
			return -errno;
		}
	}
	queued->callback = callback;
	queued->userdata = userdata;
	queued->request = (struct opener_wire_request){
		.how = request->how,
		.pid = request->pid,
		.process_start_ns = request->process_start_ns,
		.start = request->start,
		.end = request->end,
	};
	if (request->path)
		strcpy(queued->request.path, request->path);
	list_add_tail(&opener->queue, &queued->link);
	opener->n_queued++;
	/* From the loop: a failure must not call back into whoever is submitting. */
	if (!opener->is_asked)
		r = loop_source_set_time(opener->timer, time_now_ns(CLOCK_MONOTONIC));
	if (r < 0) {
		list_remove(&queued->link);
		opener->n_queued--;
		queued_free(queued);
	}
	return r;
}

void opener_cancel(struct opener *opener, void *userdata)
{
	list_for_each (&opener->queue, link) {
		struct queued *queued = container_of(link, struct queued, link);

		if (queued->userdata == userdata)
			queued->callback = NULL;
	}
}
