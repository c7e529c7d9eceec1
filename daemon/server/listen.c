/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The socket in the file system. A path left behind by a daemon that died is told from one that is
 * in use by connecting to it: nobody listens exactly if that is refused. The new socket is bound
 * under a temporary name beside it and linked to its path when it listens: of two daemons that start
 * at once, one finds the other.
 */

#include "daemon/server/listen.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

#define BACKLOG 128
#define MODE 0666

static int address_of(const char *path, struct sockaddr_un *ret_address)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	*ret_address = address;
	return 0;
}

/* 0: the path is free, or holds a socket on which nobody listens. */
static int check_path(const char *path, const struct sockaddr_un *address)
{
	CLEANUP(closep) int fd = -1;
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN)
		return -EADDRINUSE;
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

/* Listening already, so that whoever finds it at its path finds somebody answering. */
static int open_at(const struct sockaddr_un *address, int *ret_fd)
{
	CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	unlink(address->sun_path);
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) ||
		chmod(address->sun_path, MODE) || listen(fd, BACKLOG))
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int listen_open(const char *path, int *ret_fd)
{
	CLEANUP(closep) int fd = -1;
	struct sockaddr_un address, temporary;
	int r = address_of(path, &address);

	if (r == 0)
		r = check_path(path, &address);
	if (r < 0)
		return r;
	temporary = address;
	if (snprintf(temporary.sun_path, sizeof(temporary.sun_path), "%s.%d", path, getpid()) >=
		(int)sizeof(temporary.sun_path))
		return -ENAMETOOLONG;
	r = open_at(&temporary, &fd);
	if (r == 0) {
		unlink(path);
		if (link(temporary.sun_path, path))
			r = errno == EEXIST ? -EADDRINUSE : -errno;
	}
	unlink(temporary.sun_path);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Who listens at the path: the kernel remembers who called listen(2). */
static pid_t listener_of(const struct sockaddr_un *address)
{
	CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred ids = {};
	socklen_t size = sizeof(ids);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ids, &size))
		return 0;
	return ids.pid;
}

void listen_close(const char *path, int fd)
{
	struct sockaddr_un address;

	if (fd >= 0 && !address_of(path, &address) && listener_of(&address) == getpid())
		unlink(path);
}
