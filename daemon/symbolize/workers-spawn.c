/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Processes and packets under workers.c. A request is smaller than a socket's buffer and its worker
 * is idle, so that it goes out at once or not at all.
 */

#include "daemon/symbolize/workers-spawn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "daemon/base/helper.h"
#include "proto/base/cleanup.h"

_Static_assert(WORKER_SOCKET_FD == HELPER_SOCKET_FD, "where a worker looks for its socket");

int workers_spawn(const char *path, pid_t *ret_pid, int *ret_socket)
{
	char *const arguments[] = {"perfd-elf-worker", NULL};

	return helper_spawn(path, arguments, ret_pid, ret_socket);
}

int workers_send(int socket_fd, const struct worker_request *request, const int fds[N_WORKER_FILES],
	const uint64_t *offsets)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * N_WORKER_FILES)];
		struct cmsghdr align;
	} control = {};
	struct worker_request header = *request;
	struct iovec vectors[] = {{&header, sizeof(header)},
		{(void *)offsets, request->n_offsets * sizeof(*offsets)}};
	struct msghdr message = {.msg_iov = vectors, .msg_iovlen = ARRAY_SIZE(vectors)};
	int granted[N_WORKER_FILES];
	size_t n = 0, size = vectors[0].iov_len + vectors[1].iov_len;
	ssize_t sent;

	for (int i = 0; i < N_WORKER_FILES; i++) {
		if (fds[i] < 0)
			continue;
		granted[n++] = fds[i];
		header.files |= 1u << i;
	}
	if (n) {
		struct cmsghdr *rights;

		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(rights), granted, sizeof(int) * n);
	}
	sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	return (size_t)sent == size ? 0 : -EIO;
}
