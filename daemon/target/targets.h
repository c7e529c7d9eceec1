/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What of a recording's targets is still there, as the kernel side's events tell it: processes and
 * threads that were named by number, what they have started, and control groups that do not come
 * again. A set, which grows, is there for ever.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct abi_event;

struct targets {
	unsigned slot; /* of the recording, at the kernel border */
	bool is_set, with_children;
	bool has_groups; /* it names control groups, */
	bool has_followed; /* some of which may come again */
	uint32_t *pids;
	size_t n, n_allocated;
	size_t n_threads, n_groups;
};

/* A process; again is nothing new. 0 or -ENOMEM. */
int targets_add(struct targets *targets, uint32_t pid);
bool targets_has(const struct targets *targets, uint32_t pid);
/* Unknown pids are passed over. */
void targets_remove(struct targets *targets, uint32_t pid);
void targets_add_group(struct targets *targets, bool is_followed);
/* A fork, an exit or a removal: true if with it the last one has gone. */
bool targets_on_event(struct targets *targets, const struct abi_event *event);
/* The last one has gone. */
bool targets_are_gone(const struct targets *targets);
/* What is there by the kernel side itself, where events were lost; pids are taken over. */
void targets_set(
	struct targets *targets, uint32_t *pids, size_t n, size_t n_threads, size_t n_groups);
void targets_done(struct targets *targets);

/* When a process started, since boot, to the clock tick: starttime of proc_pid_stat(5). 0, -ESRCH, or
 * -EBADMSG. */
int process_start_time(uint32_t pid, uint64_t *ret_ns);
