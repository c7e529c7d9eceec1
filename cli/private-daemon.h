/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * A perfd for the length of one command. It is joined by two connected sockets that it finds as
 * descriptors 3 and 4, announced like sd_listen_fds(3) announces them (LISTEN_PID, LISTEN_FDS=2,
 * LISTEN_FDNAMES=connection:connection), and ends at their end of file.
 */
struct private_daemon {
	pid_t pid; /* 0: none */
	int log_fd; /* what it wrote to standard error */
};

#define PRIVATE_DAEMON_CONNECTIONS 2

/* Root, or the capabilities that perfd cannot do without. */
bool private_daemon_is_possible(void);

/* Those of them that the caller has not, by name, a blank between two. */
void private_daemon_missing(char *text, size_t size);

/*
 * Starts the perfd beside perfctl or in its libexec directory. ret_fds are the caller's. 0, or a
 * negative errno after saying why.
 */
int private_daemon_start(struct private_daemon *daemon, int ret_fds[PRIVATE_DAEMON_CONNECTIONS]);

/*
 * To be called after both connections were closed: waits for its end, at last by force. Shows what
 * it had to say if it failed, or if `has_failed` says that the command did.
 */
void private_daemon_stop(struct private_daemon *daemon, bool has_failed);

/* The path of the program, malloc'ed, or NULL: there is none. */
char *private_daemon_find(void);
