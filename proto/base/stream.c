/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A stream may take and give bytes in any portions: on until all are through. */

#include "proto/base/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int stream_receive(int fd, void *bytes, size_t size)
{
	for (char *at = bytes; size;) {
		ssize_t n = read(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : STREAM_END;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int stream_send(int fd, const void *bytes, size_t size)
{
	for (const char *at = bytes; size;) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}
