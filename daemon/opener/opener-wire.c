/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Packets with at most one descriptor each, the same in both directions. */

#include "daemon/opener/opener-wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int opener_wire_send(int socket_fd, void *packet, size_t size, int fd, int flags)
{
	union control control = {};
	struct iovec vector = {packet, size};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	return sendmsg(socket_fd, &message, MSG_NOSIGNAL | flags) < 0 ? -errno : 0;
}

ssize_t opener_wire_receive(int socket_fd, void *packet, size_t size, int *ret_fd, int flags)
{
	union control control;
	struct iovec vector = {packet, size};
	struct msghdr message = {.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | flags);
	struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);

	if (n < 0)
		return -errno;
	*ret_fd = -1;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(header), sizeof(*ret_fd));
	return n;
}
