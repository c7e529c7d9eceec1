/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The Varlink server: listening sockets and connections on the loop, the manager behind a struct of
 * operations. One server may listen on several sockets, and may be handed connected ones.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/loop.h"
#include "daemon/server/operations.h"

struct server;

#define SERVER_NO_GROUP ((gid_t)-1)

/* Zero stands for the default of each maximum and time (see daemon/base/limits.h). */
struct server_config {
	const char *version; /* of perfd, for GetInfo and GetStatus; must outlive the server */
	gid_t admin_gid; /* its members are admins; SERVER_NO_GROUP: only root is */
	size_t n_connections_max;
	size_t n_connections_per_uid_max;
	uint64_t output_timeout_ns; /* a client that takes nothing for so long is dropped */
	uint64_t progress_interval_ns; /* of streaming recordings: 1 s, or up to 2 */
	/* When the last connection that was handed in (not accepted) has gone. May be NULL; called
	 * from the loop, and may free nothing of the server: loop_exit() is what it is for. */
	void (*on_all_closed)(void *userdata);
	void *userdata;
};

/*
 * The operations, the manager and config->version stay the caller's and must outlive the server;
 * config itself is copied. 0, -ENOMEM.
 */
int server_new(struct loop *loop, const struct server_operations *operations, void *manager,
	const struct server_config *config, struct server **ret_server);

/* Closes all sockets; running recordings that are not detached are abandoned. Takes NULL. */
struct server *server_free(struct server *server);
void server_freep(struct server **server);

/* Accepts clients from a listening socket, which is made non-blocking and becomes the server's
 * (also when this fails). */
int server_listen(struct server *server, int fd);

/* Serves one connected stream socket (of a socketpair, or accepted by somebody else), which becomes
 * the server's (also when this fails). */
int server_add_connection(struct server *server, int fd);

/* For clients that connect from now on. */
void server_set_admin_gid(struct server *server, gid_t gid);

size_t server_n_connections(const struct server *server);
