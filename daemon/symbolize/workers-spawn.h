/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "daemon/worker/messages.h"

/* Executes the worker program with nothing but one end of a socket pair; the other end, non-blocking,
 * is the caller's. 0 or a negative errno; that it cannot be executed shows as the socket's end. */
int workers_spawn(const char *path, pid_t *ret_pid, int *ret_socket);

/* Sends a request with its descriptors (-1: none); `files` of the request is set from them. 0 or a
 * negative errno. */
int workers_send(int socket_fd, const struct worker_request *request, const int fds[N_WORKER_FILES],
	const uint64_t *offsets);
