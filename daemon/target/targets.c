/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A plain array: a recording has few processes at a time, and those that ended leave it. */

#include "daemon/target/targets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/capture/sample.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

/* Its place in the array; n: it is none. */
static size_t find(const struct targets *targets, uint32_t pid)
{
	size_t i = 0;

	while (i < targets->n && targets->pids[i] != pid)
		i++;
	return i;
}

int targets_add(struct targets *targets, uint32_t pid)
{
	int r;

	if (targets_has(targets, pid))
		return 0;
	r = array_reserve(
		&targets->pids, &targets->n_allocated, targets->n + 1, sizeof(*targets->pids));
	if (r < 0)
		return r;
	targets->pids[targets->n++] = pid;
	return 0;
}

bool targets_has(const struct targets *targets, uint32_t pid)
{
	return find(targets, pid) < targets->n;
}

void targets_remove(struct targets *targets, uint32_t pid)
{
	size_t i = find(targets, pid);

	if (i < targets->n)
		targets->pids[i] = targets->pids[--targets->n];
}

void targets_add_group(struct targets *targets, bool is_followed)
{
	targets->n_groups++;
	targets->has_groups = true;
	targets->has_followed |= is_followed;
}

bool targets_are_gone(const struct targets *targets)
{
	if (targets->is_set)
		return targets->has_groups && !targets->has_followed && !targets->n_groups;
	return !targets->n && !targets->n_threads;
}

bool targets_on_event(struct targets *targets, const struct abi_event *event)
{
	bool is_aimed = event->aimed.recordings >> targets->slot & 1;

	if (event->kind == ABI_EVENT_FORK) {
		if (targets->with_children && targets_has(targets, event->parent))
			targets_add(targets, event->pid);
		return false;
	}
	if (event->kind == ABI_EVENT_EXIT && targets_has(targets, event->pid))
		targets_remove(targets, event->pid);
	else if (event->kind == ABI_EVENT_THREAD_EXIT && is_aimed && targets->n_threads)
		targets->n_threads--;
	else if (event->kind == ABI_EVENT_CGROUP_GONE && is_aimed && targets->n_groups)
		targets->n_groups--;
	else
		return false;
	return targets_are_gone(targets);
}

void targets_set(
	struct targets *targets, uint32_t *pids, size_t n, size_t n_threads, size_t n_groups)
{
	free(targets->pids);
	targets->pids = pids;
	targets->n = targets->n_allocated = n;
	targets->n_threads = n_threads;
	targets->n_groups = n_groups;
}

void targets_done(struct targets *targets)
{
	free(targets->pids);
	*targets = (struct targets){};
}

int process_start_time(uint32_t pid, uint64_t *ret_ns)
{
	CLEANUP(freep) char *text = NULL;
	const char *after;
	char path[32];
	uint64_t ticks;
	int r;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
	r = text_read_file(AT_FDCWD, path, 4096, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	/* The name in parentheses may hold anything, also ") ": the last one ends it. */
	after = strrchr(text, ')');
	if (!after ||
		sscanf(after + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			"%*d %" SCNu64,
			&ticks) != 1)
		return -EBADMSG;
	*ret_ns = ticks * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
	return 0;
}
