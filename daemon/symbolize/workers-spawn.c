/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Processes and packets under workers.c. A request is smaller than a socket's buffer and its worker
 * is idle, so that it goes out at once or not at all.
 */

#include "daemon/symbolize/workers-spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proto/base/cleanup.h"

/* Between fork and exec. */
static _Noreturn void become_worker(const char *path, int socket_fd)
{
	char *const arguments[] = {"perfd-elf-worker", NULL};
	char *const environment[] = {NULL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* dup2 onto itself would leave close-on-exec set. */
	if (socket_fd == WORKER_SOCKET_FD ? fcntl(socket_fd, F_SETFD, 0) < 0
					  : dup2(socket_fd, WORKER_SOCKET_FD) < 0)
		_exit(127);
	close_range(WORKER_SOCKET_FD + 1, ~0U, 0);
	execve(path, arguments, environment);
	_exit(127);
}

int workers_spawn(const char *path, pid_t *ret_pid, int *ret_socket)
{
	CLEANUP(closep) int ours = -1, theirs = -1;
	int pair[2], flags;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	flags = fcntl(ours, F_GETFL);
	if (flags < 0 || fcntl(ours, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		become_worker(path, theirs);
	*ret_pid = pid;
	*ret_socket = take_fd(&ours);
	return 0;
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
