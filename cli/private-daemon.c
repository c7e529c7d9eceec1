// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The program is looked for in two places that only whoever installed perfctl can write to, never
 * through PATH. It gets a session of its own, so that Ctrl-C in the terminal ends the recording and
 * not the daemon under it. Its standard error goes into memory and is shown when something failed.
 */

#include "cli/private-daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/message.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define FIRST_FD 3
#define END_WAIT_NS (10 * NS_PER_SECOND)
#define LOG_MAX 4096

/* What sampling other processes takes: perf events and BPF, and reading about targets. */
static const struct {
	int number;
	const char *name;
} needed_capabilities[] = {
	{CAP_PERFMON, "CAP_PERFMON"},
	{CAP_BPF, "CAP_BPF"},
	{CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
};

static uint64_t permitted_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

bool private_daemon_is_possible(void)
{
	char missing[2];

	private_daemon_missing(missing, sizeof(missing));
	return !missing[0];
}

void private_daemon_missing(char *text, size_t size)
{
	uint64_t permitted = permitted_capabilities();
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(needed_capabilities) && n < size; i++)
		if (!(permitted >> needed_capabilities[i].number & 1))
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? " " : "",
				needed_capabilities[i].name);
}

char *private_daemon_find(void)
{
	char self[PATH_MAX], *path = NULL, *slash;
	ssize_t n;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash && asprintf(&path, "%.*s/perfd", (int)(slash - self), self) < 0)
			return NULL;
		if (path && access(path, X_OK) == 0)
			return path;
		free(path);
	}
	path = strdup(PERFCTL_LIBEXEC_DIRECTORY "/perfd");
	if (path && access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* A caller that holds capabilities without being root hands them on. */
static void keep_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	uint64_t permitted = permitted_capabilities();

	if (geteuid() == 0 || syscall(SYS_capget, &header, data) < 0)
		return;
	data[0].inheritable = data[0].permitted;
	data[1].inheritable = data[1].permitted;
	if (syscall(SYS_capset, &header, data) < 0)
		return;
	for (int i = 0; i < 64; i++) {
		if (permitted >> i & 1)
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0);
	}
}

static void __attribute__((noreturn))
run_child(const char *path, const int fds[PRIVATE_DAEMON_CONNECTIONS], int log_fd)
{
	char *argv[] = {"perfd", NULL};
	char pid[24];
	sigset_t none;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* fds are above their places, so that neither dup2 lands on the other. */
	if (dup2(log_fd, STDERR_FILENO) < 0 || dup2(fds[0], FIRST_FD) < 0 ||
		dup2(fds[1], FIRST_FD + 1) < 0)
		_exit(1);
	close_range(FIRST_FD + PRIVATE_DAEMON_CONNECTIONS, UINT_MAX, 0);
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(1);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "connection:connection", 1);
	unsetenv("NOTIFY_SOCKET");
	keep_capabilities();
	execv(path, argv);
	dprintf(STDERR_FILENO, "perfctl: cannot run '%s': %m\n", path);
	_exit(1);
}

/* Out of the way of the places that the child needs. */
static int move_up(int *fd)
{
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FD + PRIVATE_DAEMON_CONNECTIONS);

	if (moved < 0)
		return -errno;
	closep(fd);
	*fd = moved;
	return 0;
}

static int start(struct private_daemon *daemon, const char *path, int *ret_fds)
{
	CLEANUP(closep) int log_fd = -1, near0 = -1, near1 = -1, far0 = -1, far1 = -1;
	int pair[2], far[PRIVATE_DAEMON_CONNECTIONS], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	near0 = pair[0];
	far0 = pair[1];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	near1 = pair[0];
	far1 = pair[1];
	log_fd = memfd_create("perfd-log", MFD_CLOEXEC);
	if (log_fd < 0)
		return -errno;
	r = move_up(&far0);
	if (r == 0)
		r = move_up(&far1);
	if (r == 0)
		r = move_up(&log_fd);
	if (r < 0)
		return r;
	far[0] = far0;
	far[1] = far1;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(path, far, log_fd);
	*daemon = (struct private_daemon){.pid = pid, .log_fd = take_fd(&log_fd)};
	ret_fds[0] = take_fd(&near0);
	ret_fds[1] = take_fd(&near1);
	return 0;
}

int private_daemon_start(struct private_daemon *daemon, int ret_fds[PRIVATE_DAEMON_CONNECTIONS])
{
	CLEANUP(freep) char *path = private_daemon_find();
	int r;

	if (!path) {
		message_error("cannot start a private perfd: there is none beside perfctl and none "
			      "in %s; install it, or start the service",
			PERFCTL_LIBEXEC_DIRECTORY);
		return -ENOENT;
	}
	r = start(daemon, path, ret_fds);
	if (r < 0) {
		message_error("cannot start '%s': %s", path, strerror(-r));
		return r;
	}
	return 0;
}

/* Waits up to END_WAIT_NS. */
static bool wait_for_end(pid_t pid, int *ret_status)
{
	uint64_t deadline = time_now_ns(CLOCK_MONOTONIC) + END_WAIT_NS;
	struct timespec pause = {.tv_nsec = 5 * (long)NS_PER_MS};

	for (;;) {
		pid_t ended = waitpid(pid, ret_status, WNOHANG);

		if (ended != 0 && !(ended < 0 && errno == EINTR))
			return true;
		if (time_now_ns(CLOCK_MONOTONIC) > deadline)
			return false;
		nanosleep(&pause, NULL);
	}
}

static void show_log(int log_fd)
{
	char text[LOG_MAX + 1], *line, *next;
	off_t size = lseek(log_fd, 0, SEEK_END);
	ssize_t n;

	n = pread(log_fd, text, LOG_MAX, size > LOG_MAX ? size - LOG_MAX : 0);
	if (n <= 0)
		return;
	text[n] = '\0';
	for (line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		message_error("private perfd: %s", line);
	}
}

void private_daemon_stop(struct private_daemon *daemon, bool has_failed)
{
	int status = 0;

	if (!daemon->pid)
		return;
	if (!wait_for_end(daemon->pid, &status)) {
		message_error("the private perfd did not end by itself; ending it");
		has_failed = true;
		kill(daemon->pid, SIGTERM);
		if (!wait_for_end(daemon->pid, &status)) {
			kill(daemon->pid, SIGKILL);
			waitpid(daemon->pid, &status, 0);
		}
	}
	if (has_failed || status != 0)
		show_log(daemon->log_fd);
	if (WIFSIGNALED(status))
		message_error("the private perfd was ended by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	closep(&daemon->log_fd);
	daemon->pid = 0;
}
