/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * getrusage(2) knows children only when they have been waited for; those that live are read from
 * /proc (proc_pid_stat(5)), to the resolution of its ticks. One that is not reaped yet is among them.
 */

#include "daemon/own-cost.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define CHILDREN_BYTES_MAX 65536

static uint64_t timeval_ns(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_usec * NS_PER_US;
}

/* User and system time and resident memory of a process. False: it has gone. */
static bool stat_read(
	const char *pid, uint64_t *ret_user_ns, uint64_t *ret_system_ns, uint64_t *ret_bytes)
{
	CLEANUP(freep) char *text = NULL;
	uint64_t user, system, pages, tick_ns = NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK);
	char path[48];
	const char *after;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if (text_read_file(-1, path, 4096, &text, NULL) < 0)
		return false;
	after = strrchr(text, ')');
	if (!after ||
		sscanf(after + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
			" %*d %*d %*d %*d %*d %*d %*u %*u %" SCNu64,
			&user, &system, &pages) != 3)
		return false;
	*ret_user_ns = user * tick_ns;
	*ret_system_ns = system * tick_ns;
	*ret_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

static void children_add(struct own_cost *cost)
{
	CLEANUP(freep) char *pids = NULL;
	uint64_t user_ns, system_ns, bytes;
	char path[64], *rest = NULL;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	if (text_read_file(-1, path, CHILDREN_BYTES_MAX, &pids, NULL) < 0)
		return;
	for (char *pid = strtok_r(pids, " \n", &rest); pid; pid = strtok_r(NULL, " \n", &rest)) {
		if (!stat_read(pid, &user_ns, &system_ns, &bytes))
			continue;
		cost->helpers_user_ns += user_ns;
		cost->helpers_system_ns += system_ns;
		cost->helpers_resident_bytes += bytes;
	}
}

void own_cost_read(struct own_cost *ret_cost)
{
	struct own_cost cost = {};
	struct rusage own, ended;
	uint64_t unused;

	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &ended);
	cost.user_ns = timeval_ns(&own.ru_utime);
	cost.system_ns = timeval_ns(&own.ru_stime);
	cost.helpers_user_ns = timeval_ns(&ended.ru_utime);
	cost.helpers_system_ns = timeval_ns(&ended.ru_stime);
	stat_read("self", &unused, &unused, &cost.resident_bytes);
	children_add(&cost);
	*ret_cost = cost;
}
