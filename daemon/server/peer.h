/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who is at the other end of a connected Unix socket, as the kernel remembers it from the moment of
 * connect(2) or socketpair(2): never what the peer says of itself.
 */

#include "daemon/access/access.h"

struct peer {
	struct access_caller caller;
	/* Its pids are not ours: what it calls 17 is another process here. */
	bool is_foreign_pid_namespace;
};

/* admin_gid (gid_t)-1: there is no such group. 0 or a negative errno. */
int peer_read(int fd, gid_t admin_gid, struct peer *ret_peer);

/* Of the text of /proc/PID/status: does the bounding set hold the capability? */
bool peer_has_bounding(const char *status, unsigned capability);

/* How many pid namespaces deep below the procfs's own: 1 is the same one. 0: not told. */
unsigned peer_pid_depth(const char *status);
