/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The real server with the fake manager behind it, in a child process. */

#include <sys/types.h>

#include "daemon/server/server.h"

struct fake_daemon {
	pid_t pid;
	char directory[64], path[96]; /* of its socket; "" when it got connected ones */
};

/* Serves until SIGTERM, or (without a path) until all the sockets it was handed are closed.
 * Returns an exit status. config may be NULL. */
int fake_daemon_run(
	const char *path, const int *fds, size_t n_fds, const struct server_config *config);

/* A child that listens on a socket in a new directory; it can be connected to at once. */
void fake_daemon_start(struct fake_daemon *daemon, const struct server_config *config);

/* A child that got one end of each of n socketpairs; ours are in fds. */
void fake_daemon_start_private(
	struct fake_daemon *daemon, const struct server_config *config, int *fds, size_t n);

/* Ends it; returns the status of waitpid(2): 0 if it ended well. */
int fake_daemon_stop(struct fake_daemon *daemon);
/* Waits, up to 10 s, until it has ended by itself. */
int fake_daemon_wait(struct fake_daemon *daemon);
