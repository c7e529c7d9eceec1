/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#define LISTEN_SOCKET_PATH "/run/perfd/org.perfctl.profiler"

/*
 * A listening, non-blocking Unix stream socket at path, mode 0666 (who may do what is decided per
 * call, by peer credentials). A socket that is already there is replaced only if nobody answers on
 * it: -EADDRINUSE if somebody does, -EEXIST if it is no socket, -ENAMETOOLONG. Directories must
 * exist.
 */
int listen_open(const char *path, int *ret_fd);

/* Removes the path if it still is this process's socket; fd, which listens on it, is still open. */
void listen_close(const char *path, int fd);
