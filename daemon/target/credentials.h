/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/access/access.h"

/*
 * The facts about a process that access_check_process() judges, from its directory in a procfs.
 *
 * `process_fd` is an open /proc/PID directory: it stays with that process, so the answer is about
 * one process even if the pid is reused. `initial_fd` is a directory of the same procfs whose
 * process lives in the initial user namespace (perfd's own "self").
 *
 * 0, -ESRCH (the process is gone), -EBADMSG (the file does not look like proc_pid_status(5)), or
 * another negative errno.
 */
int credentials_read(int process_fd, int initial_fd, struct access_process *ret_process);

/* The same by pid, in /proc. Hold a pidfd when it matters who it was. */
int credentials_read_pid(pid_t pid, struct access_process *ret_process);
