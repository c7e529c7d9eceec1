/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A helper is started: nothing of ours passes but the one socket. vfork, since there is nothing in our
 * memory that it needs: it runs on our stack until its program does, and changes nothing there.
 */

#include "daemon/base/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

/* Between vfork and exec. */
static _Noreturn void become(const char *path, char *const *arguments, int socket_fd)
{
	char *const environment[] = {NULL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* dup2 onto itself would leave close-on-exec set. */
	if (socket_fd == HELPER_SOCKET_FD ? fcntl(socket_fd, F_SETFD, 0) < 0
					  : dup2(socket_fd, HELPER_SOCKET_FD) < 0)
		_exit(127);
	close_range(HELPER_SOCKET_FD + 1, ~0U, 0);
	execve(path, arguments, environment);
	_exit(127);
}

/* Apart, for what vfork does to the variables of who calls it. */
static __attribute__((noinline)) pid_t start(
	const char *path, char *const *arguments, int socket_fd)
{
	pid_t pid = vfork();

	if (!pid)
		become(path, arguments, socket_fd);
	return pid;
}

int helper_spawn(const char *path, char *const *arguments, pid_t *ret_pid, int *ret_socket)
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
	pid = start(path, arguments, theirs);
	if (pid < 0)
		return -errno;
	*ret_pid = pid;
	*ret_socket = take_fd(&ours);
	return 0;
}

void helper_kill(pid_t pid)
{
	CLEANUP(closep) int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	kill(pid, SIGKILL);
	if (fd >= 0)
		poll(&pollfd, 1, 200);
	waitpid(pid, NULL, WNOHANG);
}
