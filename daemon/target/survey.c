/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One pass over /proc, one file of each process. */

#include "daemon/target/survey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

int survey_processes(const char *proc_path, survey_function *on_process, void *userdata)
{
	CLEANUP(closedirp) DIR *directory = opendir(proc_path);
	const struct dirent *entry;
	int r = 0;

	if (!directory)
		return -errno;
	while (!r && (entry = readdir(directory))) {
		struct selected process = {};
		char comm[64];

		if (text_parse_u32(entry->d_name, &process.pid) < 0 ||
			status_read(dirfd(directory), entry->d_name, &process, comm) < 0)
			continue;
		r = on_process(userdata, &process);
	}
	return r;
}
