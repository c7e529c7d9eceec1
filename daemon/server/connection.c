/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Three callbacks move a connection: `io` when the socket has or takes bytes, `step` to serve one
 * call or give one more piece of a stream, `timer` to drop a client that takes nothing.
 *
 * - Calls are served in order: the next one is taken only when the one before has been answered.
 *   Meanwhile input is read up to the limit of one message, and then no further.
 * - Nothing is produced while more than UNSENT_ENOUGH waits for the client.
 * - A peer that has closed its socket (EPOLLHUP) gets its running call aborted. One that has only
 *   ended its sending side (end of file) gets its answers first.
 */

#include "daemon/server/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "daemon/base/audit.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

#define UNSENT_ENOUGH (1024 * 1024)
/* A larger message asks for room beside those of others first. */
#define MESSAGE_LARGE (64 * 1024)

static void update(struct connection *connection);

/* The method's state goes first, since it may still want to look at the call. */
static void request_end(struct connection *connection)
{
	struct request *request = &connection->request;

	if (!request->method)
		return;
	if (request->method->end)
		request->method->end(request);
	call_done(&request->call);
	*request = (struct request){};
}

void connection_close(struct connection *connection)
{
	if (connection->is_closed)
		return;
	connection->is_closed = true;
	request_end(connection);
	connection->io = loop_source_free(connection->io);
	connection->step = loop_source_free(connection->step);
	connection->timer = loop_source_free(connection->timer);
	frame_done(&connection->frame);
	server_on_closed(connection->context->server, connection);
}

struct connection *connection_free(struct connection *connection)
{
	if (!connection)
		return NULL;
	connection->io = loop_source_free(connection->io);
	frame_done(&connection->frame);
	free(connection);
	return NULL;
}

bool connection_is_full(const struct connection *connection)
{
	return frame_n_unsent(&connection->frame) >= UNSENT_ENOUGH;
}

/* Starts the method of a call, or answers that it cannot. */
static void dispatch(struct connection *connection, struct call *call)
{
	static const struct method none = {.name = ""};
	struct request *request = &connection->request;
	const struct method *method = method_find(call->method);

	*request = (struct request){
		.connection = connection,
		.context = connection->context,
		.caller = &connection->peer.caller,
		.is_foreign_pid_namespace = connection->peer.is_foreign_pid_namespace,
		.method = method ? method : &none,
		.call = *call,
	};
	*call = (struct call){};
	if (!method)
		method_not_found(request);
	else if (request->call.mode == CALL_UPGRADE)
		request_not_implemented(request);
	else if (request->call.has_overflow)
		request_invalid(request, "parameters");
	else if (method->needs_more && request->call.mode != CALL_MORE)
		request_error(request, CALL_SERVICE ".ExpectedMore", NULL, NULL);
	else
		method->start(request);
}

/* Takes the next message, if there is one. False: there was none. */
static bool take_call(struct connection *connection)
{
	struct call call;
	const char *text;
	size_t size;
	int r;

	text = frame_next(&connection->frame, &size);
	if (!text)
		return false;
	r = call_parse(text, size, &call);
	if (r) {
		log_debug("closing the connection of uid %u, pid %d: %s",
			connection->peer.caller.uid, (int)connection->peer.caller.pid,
			r < 0 ? strerror(-r) : "malformed message");
		connection_close(connection);
		return true;
	}
	dispatch(connection, &call);
	return true;
}

/* Writes what goes; a dead peer closes the connection. */
static void flush(struct connection *connection)
{
	size_t n_before = frame_n_unsent(&connection->frame);

	if (frame_flush(&connection->frame) < 0) {
		connection_close(connection);
		return;
	}
	if (!n_before || frame_n_unsent(&connection->frame) < n_before)
		connection->progress_ns = time_now_ns(CLOCK_MONOTONIC);
}

/* One call, or one more piece of a stream. */
static int on_step(void *userdata)
{
	struct connection *connection = userdata;
	struct request *request = &connection->request;
	bool is_busy = true;

	connection->step = loop_source_free(connection->step);
	if (connection->is_broken) {
		connection_close(connection);
		return 0;
	}
	if (request->is_finished)
		request_end(connection);
	if (!connection_is_full(connection)) {
		if (!request->method)
			is_busy = take_call(connection);
		else if (request->method->resume && !request->is_waiting)
			request->method->resume(request);
		else
			is_busy = false;
	}
	if (!connection->is_closed)
		flush(connection);
	if (connection->is_closed)
		return 0;
	/* Again, as long as that may lead on; what waits for others (the manager, the client's
	 * reading) wakes us itself. */
	if (request->is_finished ||
		(is_busy && !connection_is_full(connection) &&
			(!request->method || (request->method->resume && !request->is_waiting))))
		connection_wake(connection);
	else if (!request->method && connection->frame.is_eof &&
		!frame_n_unsent(&connection->frame) && !connection_is_full(connection))
		connection_close(connection);
	if (!connection->is_closed)
		update(connection);
	return 0;
}

void connection_wake(struct connection *connection)
{
	if (connection->is_closed || connection->step)
		return;
	if (loop_add_deferred(connection->context->loop, on_step, connection, &connection->step))
		connection->is_broken = true;
	else
		loop_source_set_priority(connection->step, LOOP_PRIORITY_CLIENT);
}

void connection_break(struct connection *connection)
{
	connection->is_broken = true;
	connection_wake(connection);
}

static int on_timer(void *userdata)
{
	struct connection *connection = userdata;
	uint64_t deadline_ns = connection->progress_ns +
		connection->context->config.output_timeout_ns;

	if (!connection->is_broken && !frame_n_unsent(&connection->frame)) {
		connection->timer = loop_source_free(connection->timer);
		return 0;
	}
	if (!connection->is_broken && time_now_ns(CLOCK_MONOTONIC) < deadline_ns) {
		loop_source_set_time(connection->timer, deadline_ns);
		return 0;
	}
	audit_line(connection->peer.caller.uid, LOG_LEVEL_INFO,
		"uid %u, pid %d does not read its answers: disconnected",
		connection->peer.caller.uid, (int)connection->peer.caller.pid);
	connection_close(connection);
	return 0;
}

/* Has the loop wait for what can be used now. */
static void update(struct connection *connection)
{
	const struct server_context *context = connection->context;
	bool has_unsent = frame_n_unsent(&connection->frame);
	uint32_t events = 0;
	int r = 0;

	if (!connection->frame.is_eof && frame_has_room(&connection->frame))
		events |= EPOLLIN;
	if (has_unsent)
		events |= EPOLLOUT;
	if (events != connection->events)
		r = loop_source_set_events(connection->io, events);
	connection->events = events;
	if (!r && has_unsent && !connection->timer)
		r = loop_add_timer(context->loop,
			connection->progress_ns + context->config.output_timeout_ns, on_timer,
			connection, &connection->timer);
	if (r < 0)
		connection_close(connection);
}

static int on_io(void *userdata, uint32_t events)
{
	struct connection *connection = userdata;
	bool is_gone = events & (EPOLLHUP | EPOLLERR);
	int r;

	if (connection->is_broken || (is_gone && connection->request.method)) {
		connection_close(connection);
		return 0;
	}
	if (is_gone || events & EPOLLIN) {
		r = frame_receive(&connection->frame);
		if (!r && frame_n_held(&connection->frame) &&
			!server_may_buffer(connection->context->server, connection, 0))
			r = -ENOBUFS;
		if (r < 0) {
			log_debug("closing the connection of uid %u, pid %d: %s",
				connection->peer.caller.uid, (int)connection->peer.caller.pid,
				strerror(-r));
			connection_close(connection);
			return 0;
		}
	}
	if (events & EPOLLOUT)
		flush(connection);
	if (connection->is_closed)
		return 0;
	connection_wake(connection);
	if (!connection->is_closed)
		update(connection);
	return 0;
}

int connection_send(struct connection *connection, const char *text, size_t size)
{
	int r;

	if (connection->is_closed || connection->is_broken)
		return 0;
	/* The time to read this begins now, if nothing waited before. */
	if (!frame_n_unsent(&connection->frame))
		connection->progress_ns = time_now_ns(CLOCK_MONOTONIC);
	if (size > MESSAGE_LARGE &&
		!server_may_buffer(connection->context->server, connection, size))
		return -ENOBUFS;
	r = frame_send(&connection->frame, text, size);
	if (r == 0)
		connection_wake(connection);
	return r;
}

int connection_new(const struct server_context *context, int fd, const struct peer *peer,
	struct connection **ret_connection)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int r;

	if (!connection) {
		closep(&fd);
		return -ENOMEM;
	}
	frame_init(&connection->frame, fd, FRAME_CALL_MAX, FRAME_UNSENT_MAX);
	connection->context = context;
	connection->peer = *peer;
	connection->events = EPOLLIN;
	r = loop_add_fd(context->loop, fd, EPOLLIN, on_io, connection, &connection->io);
	if (r < 0) {
		connection_free(connection);
		return r;
	}
	loop_source_set_priority(connection->io, LOOP_PRIORITY_CLIENT);
	*ret_connection = connection;
	return 0;
}
