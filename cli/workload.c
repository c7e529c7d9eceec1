// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The child exists before the recording does, so that the daemon can be told its pid, and executes
 * its command only after it was released, so that the recording has its first instruction. Exit
 * statuses follow env(1): 127 not found, 126 found and not executed, 128 + n ended by signal n.
 */

#include "cli/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

static int exec_exit_code(int error)
{
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}

static void __attribute__((noreturn))
run_child(char **argv, const sigset_t *mask, int gate_fd, int report_fd)
{
	char byte;
	ssize_t n;
	int error;

	do
		n = read(gate_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(EXIT_OWN_FAILURE);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	error = errno;
	n = write(report_fd, &error, sizeof(error));
	_exit(exec_exit_code(error));
}

int workload_start(struct workload *workload, char **argv, const sigset_t *mask)
{
	CLEANUP(closep) int gate_read = -1, gate_write = -1, report_read = -1, report_write = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	gate_read = fds[0];
	gate_write = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	report_read = fds[0];
	report_write = fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		/* Its own copy of the writing end would keep the gate from ever closing. */
		closep(&gate_write);
		run_child(argv, mask, gate_read, report_write);
	}
	*workload = (struct workload){
		.pid = pid, .gate_fd = take_fd(&gate_write), .report_fd = take_fd(&report_read)};
	return 0;
}

int workload_release(struct workload *workload)
{
	char byte = 0;
	ssize_t n;

	if (!workload->pid || workload->is_released)
		return 0;
	workload->is_released = true;
	workload->released_ns = time_now_ns(CLOCK_MONOTONIC);
	do
		n = write(workload->gate_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	do
		n = read(workload->report_fd, &workload->exec_error, sizeof(workload->exec_error));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n != sizeof(workload->exec_error))
		workload->exec_error = 0;
	return 0;
}

void workload_poll(struct workload *workload)
{
	if (!workload->pid || workload->has_ended)
		return;
	if (wait4(workload->pid, &workload->status, WNOHANG, &workload->usage) != workload->pid)
		return;
	workload->has_ended = true;
	workload->ended_ns = time_now_ns(CLOCK_MONOTONIC);
}

void workload_wait(struct workload *workload, int signal_fd)
{
	struct signalfd_siginfo info;
	struct pollfd wait = {.fd = signal_fd, .events = POLLIN};

	if (!workload->pid)
		return;
	for (;;) {
		workload_poll(workload);
		if (workload->has_ended)
			return;
		if (poll(&wait, 1, 1000) <= 0)
			continue;
		if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
			continue;
		/* What the terminal sends, the child gets by itself. */
		if (info.ssi_signo != SIGCHLD && info.ssi_code == SI_USER)
			kill(workload->pid, (int)info.ssi_signo);
	}
}

int workload_exit_code(const struct workload *workload)
{
	if (workload->exec_error)
		return exec_exit_code(workload->exec_error);
	if (WIFSIGNALED(workload->status))
		return EXIT_SIGNAL + WTERMSIG(workload->status);
	return WEXITSTATUS(workload->status);
}

void workload_done(struct workload *workload)
{
	if (!workload->pid)
		return;
	closep(&workload->gate_fd);
	closep(&workload->report_fd);
	if (!workload->is_released && !workload->has_ended)
		waitpid(workload->pid, &workload->status, 0);
	workload->pid = 0;
}
