/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The processes of one recording: which are alive, and how much CPU time the scheduler gave them
 * meanwhile, to hold against what was sampled.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct targets {
	struct target_process *processes;
	size_t n, n_allocated;
	uint64_t ended_ns; /* CPU time of those that have ended */
};

/* A process that is recorded from now on; used_ns: what it had used before. 0 or -ENOMEM. */
int targets_add(struct targets *targets, uint32_t pid, uint64_t used_ns);
bool targets_has(const struct targets *targets, uint32_t pid);
/* It has ended, with used_ns in all. Unknown pids are passed over. */
void targets_remove(struct targets *targets, uint32_t pid, uint64_t used_ns);
/* What was used until now does not count. */
void targets_restart(struct targets *targets);
/* CPU time of all of them since they were added, those alive read from /proc now. */
uint64_t targets_scheduler_ns(const struct targets *targets);
void targets_done(struct targets *targets);

/* utime + stime of /proc/PID/stat (proc_pid_stat(5)), all threads. 0, -ESRCH, or -EBADMSG. */
int process_cpu_time(uint32_t pid, uint64_t *ret_ns);

/* When a process started, since boot, to the clock tick: starttime of the same file. 0, -ESRCH, or
 * -EBADMSG. */
int process_start_time(uint32_t pid, uint64_t *ret_ns);

/* CPU time that anybody has used on this host (user, nice and system of proc_stat(5)). 0 or -EBADMSG. */
int system_cpu_time(uint64_t *ret_ns);
