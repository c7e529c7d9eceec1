/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "cli/client.h"
#include "cli/private-daemon.h"

/* What a command line and the environment say about the way to the daemon. */
struct connection_options {
	const char *socket; /* --socket; NULL: PERFCTL_SOCKET, else the usual path */
	bool is_private; /* --no-daemon */
};

/*
 * Two connections to one daemon, since each has one call at a time: `client` for the long call,
 * `stopper` for the one that ends it. For CLEANUP: connection_done().
 */
struct connection {
	struct client *client, *stopper;
	struct private_daemon daemon;
	bool has_failed; /* the private daemon's log is worth showing */
};

/* Each gives 0, or an exit code after saying why. */

/* To the daemon that listens, or else, where the options and the caller's rights allow it, to a
 * private one. */
int connection_open(struct connection *connection, const struct connection_options *options);

/* To a daemon that listens; one connection. */
int connection_open_client(struct client **ret_client, const struct connection_options *options);

/* Hangs up, and waits for the end of a private daemon. */
void connection_done(struct connection *connection);

/* The path that is tried. */
const char *connection_path(const struct connection_options *options);
