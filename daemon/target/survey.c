/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One pass over /proc, one file or two of each process. */

#include "daemon/target/survey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define STATUS_BYTES_MAX (64 * 1024)

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

/* Fills in what the status file says; `comm` has room for any. */
static int status_read(int proc_fd, const char *pid, struct selected *process, char comm[64])
{
	CLEANUP(freep) char *text = NULL;
	char path[32];
	const char *line;
	int r;

	snprintf(path, sizeof(path), "%.20s/status", pid);
	r = text_read_file(proc_fd, path, STATUS_BYTES_MAX, &text, NULL);
	if (r < 0)
		return r;
	if (sscanf(text, "Name:\t%63[^\n]", comm) != 1)
		*comm = '\0';
	line = strstr(text, "\nUid:\t");
	if (!line || sscanf(line, " Uid: %u", &process->uid) != 1)
		return -EBADMSG;
	process->comm = comm;
	return 0;
}

/* The line of the unified hierarchy, "0::/system.slice/x.service". malloc'ed, or NULL. */
static char *cgroup_read(int proc_fd, const char *pid)
{
	CLEANUP(freep) char *text = NULL;
	char path[32];
	const char *line;

	snprintf(path, sizeof(path), "%.20s/cgroup", pid);
	if (text_read_file(proc_fd, path, STATUS_BYTES_MAX, &text, NULL) < 0)
		return NULL;
	for (line = text; line && strncmp(line, "0::", 3); line += !!line)
		line = strchr(line, '\n');
	return line ? strndup(line + 3, strcspn(line + 3, "\n")) : NULL;
}

int survey_processes(
	const char *proc_path, bool with_cgroup, survey_function *on_process, void *userdata)
{
	CLEANUP(closedirp) DIR *directory = opendir(proc_path);
	const struct dirent *entry;
	int r = 0;

	if (!directory)
		return -errno;
	while (!r && (entry = readdir(directory))) {
		CLEANUP(freep) char *cgroup = NULL;
		struct selected process = {};
		char comm[64];

		if (text_parse_u32(entry->d_name, &process.pid) < 0 ||
			status_read(dirfd(directory), entry->d_name, &process, comm) < 0)
			continue;
		if (with_cgroup)
			cgroup = cgroup_read(dirfd(directory), entry->d_name);
		process.cgroup = cgroup ? cgroup : "";
		r = on_process(userdata, &process);
	}
	return r;
}
