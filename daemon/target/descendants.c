/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One pass over /proc collects (pid, parent), sorted by pid; then whoever has a parent in the set
 * joins it, until nobody does. Parents mostly have the smaller pids, so that few rounds find all;
 * their number is bounded for those who arrange it otherwise. Orphans were given to another parent
 * and are no descendants any more.
 */

#include "daemon/target/descendants.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define GENERATIONS_MAX 64

struct process {
	uint32_t pid, parent;
	bool is_in;
};

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static int parent_read(int proc_fd, const char *pid, uint32_t *ret_parent)
{
	CLEANUP(freep) char *text = NULL;
	char path[32];
	const char *after;
	int r;

	snprintf(path, sizeof(path), "%.20s/stat", pid);
	r = text_read_file(proc_fd, path, 4096, &text, NULL);
	if (r < 0)
		return r;
	after = strrchr(text, ')');
	return after && sscanf(after + 1, " %*c %u", ret_parent) == 1 ? 0 : -EBADMSG;
}

static int processes_read(struct process **ret_processes, size_t *ret_n)
{
	CLEANUP(closedirp) DIR *directory = opendir("/proc");
	CLEANUP(freep) struct process *processes = NULL;
	size_t n = 0, n_allocated = 0;
	const struct dirent *entry;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		struct process process = {};
		int r;

		/* Those that have gone meanwhile have no descendants either. */
		if (text_parse_u32(entry->d_name, &process.pid) < 0 ||
			parent_read(dirfd(directory), entry->d_name, &process.parent) < 0)
			continue;
		r = array_reserve(&processes, &n_allocated, n + 1, sizeof(process));
		if (r < 0)
			return r;
		processes[n++] = process;
	}
	*ret_processes = TAKE(processes);
	*ret_n = n;
	return 0;
}

static int process_compare(const void *a, const void *b)
{
	uint32_t x = ((const struct process *)a)->pid, y = ((const struct process *)b)->pid;

	return x < y ? -1 : x > y;
}

static struct process *process_find(struct process *processes, size_t n, uint32_t pid)
{
	const struct process key = {.pid = pid};

	return bsearch(&key, processes, n, sizeof(key), process_compare);
}

/* Lets in whoever has a parent in the set, once for everyone. How many these were. */
static size_t generation_add(
	struct process *processes, size_t n, uint32_t *found, size_t n_found, size_t max)
{
	size_t n_before = n_found;

	for (size_t i = 0; i < n && n_found < max; i++) {
		const struct process *parent;

		if (processes[i].is_in)
			continue;
		parent = process_find(processes, n, processes[i].parent);
		if (!parent || !parent->is_in)
			continue;
		processes[i].is_in = true;
		found[n_found++] = processes[i].pid;
	}
	return n_found - n_before;
}

int descendants_find(const uint32_t *pids, size_t n, size_t max, uint32_t **ret_pids, size_t *ret_n)
{
	CLEANUP(freep) struct process *processes = NULL;
	CLEANUP(freep) uint32_t *found = calloc(max ? max : 1, sizeof(*found));
	size_t n_processes = 0, n_found = 0;
	int r = found ? processes_read(&processes, &n_processes) : -ENOMEM;

	if (r < 0)
		return r;
	qsort(processes, n_processes, sizeof(*processes), process_compare);
	for (size_t i = 0; i < n; i++) {
		struct process *asked = process_find(processes, n_processes, pids[i]);

		if (asked)
			asked->is_in = true;
	}
	for (int i = 0; i < GENERATIONS_MAX; i++) {
		size_t n_added = generation_add(processes, n_processes, found, n_found, max);

		if (!n_added)
			break;
		n_found += n_added;
	}
	*ret_pids = TAKE(found);
	*ret_n = n_found;
	return 0;
}
