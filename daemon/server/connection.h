/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/server/peer.h"
#include "daemon/server/request.h"
#include "proto/base/list.h"
#include "proto/wire/frame.h"

/*
 * One client. Bytes come in through `frame`; one call is served at a time, in order; what is to be
 * done next is done by `step`, once per turn of the loop, so that no client keeps the others
 * waiting.
 *
 * A connection is closed only by its own callbacks (never under the feet of a method that is giving
 * a reply: that merely marks it broken), and freed by the server, later and from the loop.
 */
struct connection {
	struct list link; /* on the server's connections, then on its closed ones */
	const struct server_context *context;
	struct peer peer;
	bool was_handed_in, is_closed;
	bool is_broken; /* to be closed at the next occasion: out of memory */
	struct frame frame;
	struct request request; /* under way while request.method is not NULL */
	struct loop_source *io, *step, *timer;
	uint32_t events; /* that io waits for */
	uint64_t progress_ns; /* when the client last took something, or had nothing to take */
};

/* The fd becomes the connection's, also on failure. 0 or a negative errno. */
int connection_new(const struct server_context *context, int fd, const struct peer *peer,
	struct connection **ret_connection);

/* Aborts what is under way, hangs up, and tells the server (server_on_closed). Harmless twice. */
void connection_close(struct connection *connection);

/* Of a closed one. */
struct connection *connection_free(struct connection *connection);

/* Queues a message and sees to it that it goes out. 0, -ENOBUFS above the limit, -ENOMEM. */
int connection_send(struct connection *connection, const char *text, size_t size);

/* There was no memory for what had to be sent: the connection ends. */
void connection_break(struct connection *connection);

/* Sees to it that the loop comes back to this connection. */
void connection_wake(struct connection *connection);

/* So much is unsent that producers and further calls have to wait. */
bool connection_is_full(const struct connection *connection);

/* server.c: the connection is closed, and may be freed from the loop. */
void server_on_closed(struct server *server, struct connection *connection);

/* server.c: is there room for so many bytes more that wait at this connection, beside what waits at
 * others? */
bool server_may_buffer(
	const struct server *server, const struct connection *connection, size_t n_more);

/* server.c: how many calls of one user's, or (NULL) of all, are in a method or another. */
size_t server_count_requests(const struct server *server, const uid_t *uid,
	const struct method *method, const struct method *other);
