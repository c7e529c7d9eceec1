/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Listening sockets, and the lists of connections. Who is accepted is decided here, by counting:
 * so many in all, so many per uid; a connection over the limit is closed without a word, before
 * anything is read from it. Closed connections are freed from the loop (reap), never inside one of
 * their own callbacks.
 *
 * Invariant: n_connections is the length of `connections`, n_handed_in how many of those were
 * handed in; a closed connection is on `closed` until reaped.
 */

#include "daemon/server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "daemon/base/limits.h"
#include "daemon/base/shares.h"
#include "daemon/server/connection.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

#define ACCEPTS_PER_TURN 16
#define OUTPUT_TIMEOUT_NS (30 * NS_PER_SECOND)
#define PROGRESS_INTERVAL_NS NS_PER_SECOND
/* How long accepting rests when there are no descriptors left. */
#define PAUSE_NS NS_PER_SECOND
/* Refusals are logged at most once in so long. */
#define REFUSAL_LOG_NS (60 * NS_PER_SECOND)

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

struct listener {
	struct list link; /* on the server's listeners */
	struct server *server;
	int fd;
	struct loop_source *io, *pause;
};

struct server {
	struct server_context context;
	struct list listeners, connections, closed;
	size_t n_connections, n_handed_in;
	bool has_all_closed; /* tell on_all_closed */
	struct loop_source *reap;
	uint64_t refusal_logged_ns; /* when last */
};

int server_new(struct loop *loop, const struct server_operations *operations, void *manager,
	const struct server_config *config, struct server **ret_server)
{
	struct server *server = calloc(1, sizeof(*server));
	struct server_config *c;

	if (!server)
		return -ENOMEM;
	server->context = (struct server_context){
		.loop = loop,
		.operations = operations,
		.manager = manager,
		.config = *config,
		.server = server,
	};
	c = &server->context.config;
	if (!c->n_connections_max)
		c->n_connections_max = LIMIT_CONNECTIONS;
	if (!c->n_connections_per_uid_max)
		c->n_connections_per_uid_max = LIMIT_CONNECTIONS_PER_UID;
	if (!c->output_timeout_ns)
		c->output_timeout_ns = OUTPUT_TIMEOUT_NS;
	if (!c->progress_interval_ns)
		c->progress_interval_ns = PROGRESS_INTERVAL_NS;
	list_init(&server->listeners);
	list_init(&server->connections);
	list_init(&server->closed);
	*ret_server = server;
	return 0;
}

static struct listener *listener_free(struct listener *listener)
{
	loop_source_free(listener->io);
	loop_source_free(listener->pause);
	closep(&listener->fd);
	list_remove(&listener->link);
	free(listener);
	return NULL;
}

static void free_closed(struct server *server)
{
	list_for_each (&server->closed, link) {
		list_remove(link);
		connection_free(container_of(link, struct connection, link));
	}
}

struct server *server_free(struct server *server)
{
	if (!server)
		return NULL;
	list_for_each (&server->listeners, link)
		listener_free(container_of(link, struct listener, link));
	list_for_each (&server->connections, link)
		connection_close(container_of(link, struct connection, link));
	free_closed(server);
	loop_source_free(server->reap);
	free(server);
	return NULL;
}

void server_freep(struct server **server)
{
	server_free(*server);
}

static int on_reap(void *userdata)
{
	struct server *server = userdata;
	const struct server_config *config = &server->context.config;

	server->reap = loop_source_free(server->reap);
	free_closed(server);
	if (server->has_all_closed && !server->n_handed_in && config->on_all_closed)
		config->on_all_closed(config->userdata);
	server->has_all_closed = false;
	return 0;
}

void server_on_closed(struct server *server, struct connection *connection)
{
	list_remove(&connection->link);
	list_add_tail(&server->closed, &connection->link);
	server->n_connections--;
	if (connection->was_handed_in && !--server->n_handed_in)
		server->has_all_closed = true;
	if (!server->reap)
		loop_add_deferred(server->context.loop, on_reap, server, &server->reap);
}

size_t server_n_connections(const struct server *server)
{
	return server->n_connections;
}

size_t server_count_requests(const struct server *server, const uid_t *uid,
	const struct method *method, const struct method *other)
{
	size_t n = 0;

	list_for_each (&server->connections, link) {
		const struct connection *connection = container_of(link, struct connection, link);

		n += (!uid || connection->peer.caller.uid == *uid) &&
			(connection->request.method == method ||
				connection->request.method == other);
	}
	return n;
}

bool server_may_buffer(
	const struct server *server, const struct connection *connection, size_t n_more)
{
	static const struct share_rule rule = {
		LIMIT_MESSAGES_BYTES, LIMIT_MESSAGES_PER_UID_BYTES, LIMIT_MESSAGES_LITTLE_BYTES};
	const struct access_caller *caller = &connection->peer.caller;
	uint64_t own = n_more, all = n_more;

	list_for_each (&server->connections, link) {
		const struct connection *other = container_of(link, struct connection, link);
		size_t n = frame_n_held(&other->frame);

		all += n;
		own += other->peer.caller.uid == caller->uid ? n : 0;
	}
	return share_check(&rule, caller->is_admin, own, all) == SHARE_GRANTED;
}

static int add(struct server *server, int fd, const struct peer *peer, bool was_handed_in)
{
	struct connection *connection;
	int r;

	/* Descriptors that clients send along are never wanted; Linux 6.16 can refuse them. */
	setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &(int){0}, sizeof(int));
	r = connection_new(&server->context, fd, peer, &connection);
	if (r < 0)
		return r;
	connection->was_handed_in = was_handed_in;
	server->n_handed_in += was_handed_in;
	server->n_connections++;
	list_add_tail(&server->connections, &connection->link);
	return 0;
}

void server_set_admin_gid(struct server *server, gid_t gid)
{
	server->context.config.admin_gid = gid;
}

int server_add_connection(struct server *server, int fd)
{
	CLEANUP(closep) int owned = fd;
	struct peer peer;
	int r = peer_read(fd, server->context.config.admin_gid, &peer);

	if (r < 0)
		return r;
	return add(server, take_fd(&owned), &peer, true);
}

/* The limit that stands in the way of one more, or 0. */
static size_t limit_reached(const struct server *server, const struct access_caller *caller)
{
	const struct server_config *config = &server->context.config;
	const struct share_rule rule = {config->n_connections_max,
		config->n_connections_per_uid_max, LIMIT_CONNECTIONS_LITTLE};
	size_t n = 1;

	list_for_each (&server->connections, link)
		n += container_of(link, struct connection, link)->peer.caller.uid == caller->uid;
	/* Admins too: a program that leaks its connections may be theirs. */
	if (n > rule.per_uid)
		return rule.per_uid;
	return share_check(&rule, caller->is_admin, n, server->n_connections + 1) ? rule.all : 0;
}

static void log_refusal(struct server *server, uid_t uid, size_t limit)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);

	if (server->refusal_logged_ns && now_ns - server->refusal_logged_ns < REFUSAL_LOG_NS)
		return;
	server->refusal_logged_ns = now_ns;
	log_warning("refusing connections of uid %u: the limit is %zu", uid, limit);
}

static void accept_one(struct server *server, int fd)
{
	CLEANUP(closep) int owned = fd;
	struct peer peer;
	size_t limit;
	int r = peer_read(fd, server->context.config.admin_gid, &peer);

	if (!r) {
		limit = limit_reached(server, &peer.caller);
		if (limit) {
			log_refusal(server, peer.caller.uid, limit);
			return;
		}
		r = add(server, take_fd(&owned), &peer, false);
	}
	if (r < 0)
		log_warning("cannot serve a client, which is sent away: %s", strerror(-r));
}

static int on_pause_over(void *userdata)
{
	struct listener *listener = userdata;

	listener->pause = loop_source_free(listener->pause);
	loop_source_set_events(listener->io, EPOLLIN);
	return 0;
}

/* A listening socket with somebody waiting would wake us for ever. */
static void pause_accepting(struct listener *listener, int error)
{
	uint64_t until_ns = time_now_ns(CLOCK_MONOTONIC) + PAUSE_NS;

	log_warning("cannot accept clients, trying again in a second: %s", strerror(error));
	if (!listener->pause &&
		!loop_add_timer(listener->server->context.loop, until_ns, on_pause_over, listener,
			&listener->pause))
		loop_source_set_events(listener->io, 0);
}

static int on_listener(void *userdata, uint32_t events)
{
	struct listener *listener = userdata;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			accept_one(listener->server, fd);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			pause_accepting(listener, errno);
		break;
	}
	return 0;
}

int server_listen(struct server *server, int fd)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int flags = fcntl(fd, F_GETFL), r = 0;

	if (!listener) {
		closep(&fd);
		return -ENOMEM;
	}
	listener->server = server;
	listener->fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &(int){0}, sizeof(int));
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		r = -errno;
	else
		r = loop_add_fd(
			server->context.loop, fd, EPOLLIN, on_listener, listener, &listener->io);
	if (r < 0) {
		listener_free(listener);
		return r;
	}
	loop_source_set_priority(listener->io, LOOP_PRIORITY_CLIENT);
	list_add_tail(&server->listeners, &listener->link);
	return 0;
}
