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

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

struct target_process {
	uint32_t pid;
	uint64_t used_before_ns;
};

static struct target_process *find(const struct targets *targets, uint32_t pid)
{
	for (size_t i = 0; i < targets->n; i++)
		if (targets->processes[i].pid == pid)
			return &targets->processes[i];
	return NULL;
}

int targets_add(struct targets *targets, uint32_t pid, uint64_t used_ns)
{
	int r;

	if (find(targets, pid))
		return 0;
	r = array_reserve(&targets->processes, &targets->n_allocated, targets->n + 1,
		sizeof(*targets->processes));
	if (r < 0)
		return r;
	targets->processes[targets->n++] = (struct target_process){pid, used_ns};
	return 0;
}

bool targets_has(const struct targets *targets, uint32_t pid)
{
	return find(targets, pid);
}

void targets_remove(struct targets *targets, uint32_t pid, uint64_t used_ns)
{
	struct target_process *process = find(targets, pid);

	if (!process)
		return;
	if (used_ns > process->used_before_ns)
		targets->ended_ns += used_ns - process->used_before_ns;
	*process = targets->processes[--targets->n];
}

void targets_restart(struct targets *targets)
{
	targets->ended_ns = 0;
	for (size_t i = 0; i < targets->n; i++)
		process_cpu_time(targets->processes[i].pid, &targets->processes[i].used_before_ns);
}

uint64_t targets_scheduler_ns(const struct targets *targets)
{
	uint64_t total_ns = targets->ended_ns;

	for (size_t i = 0; i < targets->n; i++) {
		uint64_t used_ns;

		if (process_cpu_time(targets->processes[i].pid, &used_ns) < 0)
			continue;
		if (used_ns > targets->processes[i].used_before_ns)
			total_ns += used_ns - targets->processes[i].used_before_ns;
	}
	return total_ns;
}

void targets_done(struct targets *targets)
{
	free(targets->processes);
	*targets = (struct targets){};
}

static uint64_t ticks_ns(uint64_t ticks)
{
	return ticks * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}

int system_cpu_time(uint64_t *ret_ns)
{
	CLEANUP(freep) char *text = NULL;
	uint64_t user, nice, system;

	if (text_read_file(AT_FDCWD, "/proc/stat", 1 << 20, &text, NULL) < 0 ||
		sscanf(text, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64, &user, &nice, &system) != 3)
		return -EBADMSG;
	*ret_ns = ticks_ns(user + nice + system);
	return 0;
}

int process_cpu_time(uint32_t pid, uint64_t *ret_ns)
{
	CLEANUP(freep) char *text = NULL;
	char path[32];
	uint64_t user, system;
	const char *after;
	int r;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
	r = text_read_file(AT_FDCWD, path, 4096, &text, NULL);
	if (r < 0)
		return -ESRCH;
	/* The name in parentheses may hold anything, also ") ": the last one ends it. */
	after = strrchr(text, ')');
	if (!after ||
		sscanf(after + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
			&system) != 2)
		return -EBADMSG;
	*ret_ns = ticks_ns(user + system);
	return 0;
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
	after = strrchr(text, ')');
	if (!after ||
		sscanf(after + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			"%*d %" SCNu64,
			&ticks) != 1)
		return -EBADMSG;
	*ret_ns = ticks_ns(ticks);
	return 0;
}
