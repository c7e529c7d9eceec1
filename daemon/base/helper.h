/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Programs of our own that run beside us, joined by one socket. */

#include <sys/types.h>

/* The socket of a helper, on its side. */
#define HELPER_SOCKET_FD 3

/*
 * Starts the program with an empty environment and no other descriptors than the standard three and
 * one end of a stream socket; the other end (close-on-exec, non-blocking) is the caller's. 0 or a
 * negative errno.
 */
int helper_spawn(const char *path, char *const *arguments, pid_t *ret_pid, int *ret_socket);

/* Ends a child that was started so, and that nobody else waits for. It is gone in no time, unless it
 * hangs in a file system: then init has it. */
void helper_kill(pid_t pid);
