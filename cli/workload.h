/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* The COMMAND of `record -- COMMAND`: a child that waits to be released before it executes it. */
struct workload {
	pid_t pid; /* 0: none */
	int gate_fd; /* a byte in it releases the child, end of file sends it home */
	int report_fd; /* errno of a failed exec, or end of file */
	int status; /* as waitpid(2) gives it, once has_ended */
	int exec_error; /* errno; 0: it runs or ran */
	bool is_released, has_ended;
	uint64_t released_ns, ended_ns; /* CLOCK_MONOTONIC */
	struct rusage usage; /* of it and of the children that it waited for, once has_ended */
};

/*
 * Forks. The child restores `mask` and has default handlers. 0 or a negative errno. argv ends with
 * NULL and is borrowed.
 */
int workload_start(struct workload *workload, char **argv, const sigset_t *mask);

/* Lets it execute its command; returns when that has worked or failed. 0 or a negative errno. */
int workload_release(struct workload *workload);

/* Notices its end without waiting. */
void workload_poll(struct workload *workload);

/* Waits for its end; `signal_fd` is read meanwhile, and what comes in is passed on. */
void workload_wait(struct workload *workload, int signal_fd);

/* Its exit status as a shell has it: 126, 127, 128 + n. */
int workload_exit_code(const struct workload *workload);

/* Ends a child that was never released; leaves a running one alone. */
void workload_done(struct workload *workload);
