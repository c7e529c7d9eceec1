// SPDX-License-Identifier: GPL-2.0-or-later
/* proc(5): the few facts by which a person aims at a process. */

#include "cli/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "proto/base/utf8.h"

#define STAT_BYTES_MAX 4096
#define CGROUP_BYTES_MAX (64 * 1024)
#define PARENT_KTHREADD 2

struct stat_fields {
	unsigned parent;
	unsigned long long user_ticks, system_ticks;
};

/* "pid (comm) state ppid …": comm may hold anything, also ")". */
static int parse_stat(char *text, struct process *process, struct stat_fields *ret_fields)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')');

	if (!open || !close || close < open)
		return -EINVAL;
	*close = '\0';
	snprintf(process->comm, sizeof(process->comm), "%s", open + 1);
	utf8_sanitize(process->comm, strlen(process->comm));
	if (sscanf(close + 1, " %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
		    &ret_fields->parent, &ret_fields->user_ticks, &ret_fields->system_ticks) != 3)
		return -EINVAL;
	return 0;
}

/* The line of the unified hierarchy: proc_pid_cgroup(5). */
static void read_groups(int directory, struct process *process)
{
	CLEANUP(freep) char *text = NULL;
	struct cgroup_names names;
	char *path;

	if (text_read_file(directory, "cgroup", CGROUP_BYTES_MAX, &text, NULL) < 0)
		return;
	path = text_starts_with(text, "0::") ? text : strstr(text, "\n0::");
	if (!path)
		return;
	path = strchr(path, '/');
	if (!path)
		return;
	path[strcspn(path, "\n")] = '\0';
	cgroup_names_parse(path, &names);
	memcpy(process->unit, names.unit, sizeof(process->unit));
	memcpy(process->container, names.container, sizeof(process->container));
	utf8_sanitize(process->unit, strlen(process->unit));
	utf8_sanitize(process->container, strlen(process->container));
}

static int read_process(uint32_t pid, struct process *ret_process, uint32_t *ret_parent)
{
	CLEANUP(closep) int directory = -1;
	CLEANUP(freep) char *text = NULL;
	struct process process = {.pid = pid};
	struct stat_fields fields = {0};
	struct stat status;
	char path[32];
	size_t size;
	int r;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return errno == ENOENT ? PROCESS_GONE : -errno;
	if (fstat(directory, &status) < 0)
		return -errno;
	r = text_read_file(directory, "stat", STAT_BYTES_MAX, &text, &size);
	if (r == -ENOENT || r == -ESRCH)
		return PROCESS_GONE;
	if (r < 0)
		return r;
	r = parse_stat(text, &process, &fields);
	if (r < 0)
		return r;
	read_groups(directory, &process);
	process.uid = status.st_uid;
	process.cpu_ns = (fields.user_ticks + fields.system_ticks) * NS_PER_SECOND /
		(uint64_t)sysconf(_SC_CLK_TCK);
	*ret_process = process;
	*ret_parent = fields.parent;
	return 0;
}

int process_read(uint32_t pid, struct process *ret_process)
{
	uint32_t parent;

	return read_process(pid, ret_process, &parent);
}

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

int process_read_all(struct process **ret_processes, size_t *ret_n)
{
	CLEANUP(closedirp) DIR *directory = opendir("/proc");
	CLEANUP(freep) struct process *processes = NULL;
	size_t n = 0, n_allocated = 0;
	struct dirent *entry;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		struct process process;
		uint32_t pid, parent;
		int r;

		if (text_parse_u32(entry->d_name, &pid) < 0)
			continue;
		/* One that ends meanwhile is no failure. */
		if (read_process(pid, &process, &parent) != 0)
			continue;
		if (parent == PARENT_KTHREADD || pid == PARENT_KTHREADD)
			continue;
		r = array_reserve(&processes, &n_allocated, n + 1, sizeof(*processes));
		if (r < 0)
			return r;
		processes[n++] = process;
	}
	*ret_processes = TAKE(processes);
	*ret_n = n;
	return 0;
}
