/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * libdebuginfod takes what it may do from the environment (debuginfod_find_debuginfo(3)), so all of
 * that is set here, whatever this process was started with. It believes a server about a file's
 * size: one that sends without end is stopped by the limit on this process's files, and the progress
 * callback ends what takes too long, also before the first byte.
 */

#include "daemon/fetch/debuginfod.h"

#include <elfutils/debuginfod.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/confine.h"
#include "proto/base/time.h"

#define STALL_SECONDS "20" /* for the first 100 kB */

struct deadline {
	uint64_t ns;
};

static int on_progress(debuginfod_client *client, long a, long b)
{
	const struct deadline *deadline = debuginfod_get_user_data(client);

	return time_now_ns(CLOCK_MONOTONIC) > deadline->ns;
}

static int set_environment(const struct debuginfod_question *question)
{
	char bytes[24], seconds[12];
	const char *const variables[][2] = {
		{DEBUGINFOD_URLS_ENV_VAR, question->urls},
		{DEBUGINFOD_CACHE_PATH_ENV_VAR, question->directory},
		{DEBUGINFOD_TIMEOUT_ENV_VAR, STALL_SECONDS},
		{DEBUGINFOD_MAXTIME_ENV_VAR, seconds},
		{DEBUGINFOD_MAXSIZE_ENV_VAR, bytes},
		{DEBUGINFOD_RETRY_LIMIT_ENV_VAR, "1"},
		{"TMPDIR", question->directory},
	};

	snprintf(bytes, sizeof(bytes), "%" PRIu64, question->max_bytes);
	snprintf(seconds, sizeof(seconds), "%" PRIu32, question->time_max_s);
	if (clearenv())
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		if (setenv(variables[i][0], variables[i][1], 1) < 0)
			return -errno;
	return 0;
}

static void debuginfod_endp(debuginfod_client **client)
{
	if (*client)
		debuginfod_end(*client);
}

int debuginfod_ask(const struct debuginfod_question *question, char **ret_path)
{
	CLEANUP(debuginfod_endp) debuginfod_client *client = NULL;
	CLEANUP(closep) int fd = -1;
	struct deadline deadline = {
		time_now_ns(CLOCK_MONOTONIC) + question->time_max_s * NS_PER_SECOND};
	int r = confine_set_limit(RLIMIT_FSIZE, question->max_bytes);

	signal(SIGXFSZ, SIG_IGN);
	if (!r)
		r = set_environment(question);
	if (r < 0)
		return r;
	client = debuginfod_begin();
	if (!client)
		return -ENOMEM;
	debuginfod_set_user_data(client, &deadline);
	debuginfod_set_progressfn(client, on_progress);
	fd = debuginfod_find_debuginfo(
		client, (const unsigned char *)question->build_id, 0, ret_path);
	return fd < 0 ? fd : 0;
}
