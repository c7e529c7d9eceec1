/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A pid is pinned by a pidfd before its facts are read, and looked at again after it has entered the
 * filter: a process that ended in between would leave an entry that its successor in the pid
 * inherits. Whoever is no admin sees processes of their own uid alone: of a set the kernel side
 * takes only these, so that those of others cost nothing and are never even drawn.
 */

#include "daemon/aim.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/base/audit.h"
#include "daemon/base/limits.h"
#include "daemon/target/credentials.h"
#include "daemon/target/descendants.h"
#include "daemon/target/survey.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define DESCENDANT_PASSES 4

unsigned aim_kinds(const struct selector *selector, const struct access_caller *caller)
{
	unsigned kinds = 0;

	if (selector->n_pids || selector->n_tids || selector->n_comms)
		kinds |= CAPTURE_BY_NAME;
	if (selector->n_uids || (selector_is_set(selector) && !caller->is_admin))
		kinds |= CAPTURE_BY_UID;
	if (selector_has_groups(selector))
		kinds |= CAPTURE_BY_CGROUP;
	return kinds;
}

void aim_done(struct aim *aim)
{
	free(aim->matched);
	cgroup_set_done(&aim->groups);
}

static int no_such_target(struct aim *aim, const char *kind, uint32_t id, const char *why)
{
	char what[32];

	snprintf(what, sizeof(what), "%s %" PRIu32, kind, id);
	failure_set(aim->failure, FAILURE_NO_SUCH_TARGET, what, "%s", why);
	return -ESRCH;
}

/* The process of a task, by its status file; 0: there is none. */
static uint32_t process_of(uint32_t tid)
{
	CLEANUP(freep) char *status = NULL;
	char path[48];
	const char *line;
	unsigned pid;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", tid);
	if (text_read_file(-1, path, 8192, &status, NULL) < 0)
		return 0;
	line = strstr(status, "\nTgid:");
	return line && sscanf(line, " Tgid: %u", &pid) == 1 ? pid : 0;
}

/* A pidfd for a process; the failure tells a thread's id from no id at all. */
static int pid_open(struct aim *aim, uint32_t pid)
{
	int fd = pid && pid <= INT32_MAX ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
	char why[96];
	uint32_t process;

	if (fd >= 0)
		return fd;
	process = process_of(pid);
	if (!process || process == pid)
		return no_such_target(aim, "pid", pid, "no process has this pid");
	snprintf(why, sizeof(why), "it is a thread; its process is %" PRIu32, process);
	return no_such_target(aim, "pid", pid, why);
}

static int pid_check(struct aim *aim, uint32_t pid)
{
	struct access_process process;
	enum access_rule rule;
	int r = credentials_read_pid((pid_t)pid, &process);

	if (r == -ESRCH)
		return no_such_target(aim, "pid", pid, "it has ended");
	if (r < 0) {
		failure_set(aim->failure, FAILURE_FAILED, "reading the process's credentials", "%s",
			strerror(-r));
		return r;
	}
	if (process.is_kernel_thread)
		return no_such_target(aim, "pid", pid,
			"it is a kernel thread, which has no program of its own to record; -a "
			"records those too");
	rule = access_check_process(aim->caller, &process);
	if (rule == ACCESS_ALLOWED)
		return 0;
	failure_set(aim->failure, FAILURE_NOT_PERMITTED, "", "%s", access_rule_sentence(rule));
	aim->failure->pid = pid;
	return -EACCES;
}

int aim_check_pid(const struct access_caller *caller, uint32_t pid, struct failure *ret_failure)
{
	struct aim aim = {.caller = caller, .failure = ret_failure};
	CLEANUP(closep) int fd = pid_open(&aim, pid);
	int r = fd < 0 ? fd : pid_check(&aim, pid);

	if (r == -EACCES)
		audit_line(caller->uid, LOG_LEVEL_NOTICE,
			"denied: uid %u pid %d wants to examine pid %" PRIu32 ": %s", caller->uid,
			(int)caller->pid, pid, ret_failure->text);
	return r;
}

static bool has_ended(int pid_fd)
{
	struct pollfd ended = {.fd = pid_fd, .events = POLLIN};

	return poll(&ended, 1, 0);
}

static int filter_failed(struct aim *aim, int r)
{
	failure_set(aim->failure, FAILURE_FAILED, "adding the target to the filter", "%s",
		strerror(-r));
	return r;
}

static int target_add(struct aim *aim, uint32_t pid)
{
	CLEANUP(closep) int fd = pid_open(aim, pid);
	int r = fd < 0 ? fd : pid_check(aim, pid);

	if (r < 0)
		return r;
	r = pipeline_add_target(aim->recording, pid, aim->on_exec);
	if (r < 0 && r != -ESRCH)
		return filter_failed(aim, r);
	if (!r && !has_ended(fd))
		return 0;
	pipeline_remove_target(aim->recording, pid);
	return no_such_target(aim, "pid", pid, "it has ended");
}

/* As with a process; whether the thread itself was there all the time, its process tells. */
static int thread_add(struct aim *aim, uint32_t tid)
{
	uint32_t pid = process_of(tid);
	CLEANUP(closep) int fd = pid ? pid_open(aim, pid) : -1;
	int r;

	if (fd < 0)
		return no_such_target(aim, "thread", tid, "no thread has this id");
	r = pid_check(aim, pid);
	if (r < 0)
		return r;
	r = pipeline_add_thread(aim->recording, tid);
	if (r < 0 && r != -ESRCH && r != -ENOENT)
		return filter_failed(aim, r);
	if (!r && process_of(tid) == pid && !has_ended(fd))
		return 0;
	pipeline_remove_thread(aim->recording, tid);
	return no_such_target(aim, "thread", tid, "it has ended");
}

/*
 * Those that the targets have started already. New ones enter the filter by themselves once their
 * parent is in it; what a process started between our look and its entry is found by looking again.
 * Whoever has ended meanwhile, or is none of the caller's, is left out.
 */
static int descendants_add(struct aim *aim, const uint32_t *pids, size_t n_pids)
{
	size_t n = 1, n_known = 0;
	int r = 0;

	for (int pass = 0; pass < DESCENDANT_PASSES && n > n_known && !r; pass++) {
		CLEANUP(freep) uint32_t *found = NULL;
		struct failure ignored;
		struct aim quiet = *aim;

		quiet.failure = &ignored;
		n_known = pass ? n : 0;
		r = descendants_find(pids, n_pids, LIMIT_DESCENDANTS, &found, &n);
		for (size_t i = 0; i < n && !r; i++)
			if (!pipeline_has_target(aim->recording, found[i]))
				target_add(&quiet, found[i]);
	}
	return r;
}

static void descendants_try(struct aim *aim, const uint32_t *pids, size_t n_pids)
{
	if (n_pids && aim->selector->with_children && !aim->on_exec &&
		descendants_add(aim, pids, n_pids) < 0)
		log_warning("cannot look for processes that the targets have started");
}

/* Those that are named by number: each must be there, and the caller's. */
static int numbers_add(struct aim *aim)
{
	const struct selector *selector = aim->selector;
	int r = 0;

	for (size_t i = 0; i < selector->n_pids && !r; i++)
		r = target_add(aim, selector->pids[i]);
	for (size_t i = 0; i < selector->n_tids && !r; i++)
		r = thread_add(aim, selector->tids[i]);
	if (!r)
		descendants_try(aim, selector->pids, selector->n_pids);
	return r;
}

/* One that is named is a target by its pid too, so that what it has started can be found. */
static int matched_add(struct aim *aim, uint32_t pid)
{
	struct failure ignored;
	struct aim quiet = *aim;
	int r = array_reserve(&aim->matched, &aim->n_matched_allocated, aim->n_matched + 1,
		sizeof(*aim->matched));

	if (r < 0)
		return r;
	aim->matched[aim->n_matched++] = pid;
	quiet.failure = &ignored;
	target_add(&quiet, pid);
	return 0;
}

static int on_process(void *userdata, const struct selected *process)
{
	struct aim *aim = userdata;
	struct access_process facts;
	struct capture *capture;
	unsigned slot;

	if (!selector_matches(aim->selector, process) ||
		(selector_has_groups(aim->selector) &&
			!cgroup_set_has(&aim->groups, process->cgroup)))
		return 0;
	if (!aim->caller->is_admin &&
		(credentials_read_pid((pid_t)process->pid, &facts) < 0 ||
			access_check_process(aim->caller, &facts) != ACCESS_ALLOWED)) {
		aim->n_left_out++;
		return 0;
	}
	aim->n_found++;
	if (aim->selector->n_comms && aim->n_matched < LIMIT_DESCENDANTS)
		return matched_add(aim, process->pid);
	capture = pipeline_capture(aim->recording, &slot);
	capture_ask_files(capture, process->pid);
	return 0;
}

static int set_survey(struct aim *aim)
{
	char what[64];
	int r = survey_processes("/proc", selector_has_groups(aim->selector), on_process, aim);

	if (r < 0) {
		failure_set(
			aim->failure, FAILURE_FAILED, "looking for processes", "%s", strerror(-r));
		return r;
	}
	if (aim->n_found || (aim->groups.n && !aim->n_left_out))
		return 0;
	selector_describe(aim->selector, what, sizeof(what));
	if (aim->n_left_out) {
		failure_set(aim->failure, FAILURE_NOT_PERMITTED, what,
			"all of it belongs to others, or is protected; ask an admin of perfd, or "
			"join group 'perfd-admin'");
		return -EACCES;
	}
	failure_set(aim->failure, FAILURE_NO_SUCH_TARGET, what, "there is no such process");
	return -ESRCH;
}

/* A unit whose group is there may be between two of its lives: it has no process to be looked at. */
static int groups_filter(struct aim *aim)
{
	struct cgroup_problem problem;
	int r = cgroup_set_find(aim->selector, &aim->groups, &problem);

	if (r > 0) {
		failure_set(aim->failure,
			r == CGROUP_SET_NONE ? FAILURE_NO_SUCH_TARGET : FAILURE_NOT_SUPPORTED,
			problem.what, "%s", problem.why);
		return -ESRCH;
	}
	for (size_t i = 0; i < aim->groups.n && !r; i++) {
		const struct cgroup_found *found = &aim->groups.found[i];

		r = pipeline_add_cgroup(aim->recording,
			&(struct capture_cgroup){
				.id = found->group.id,
				.depth = found->group.depth,
				.path = found->is_followed ? found->group.path : NULL,
			});
	}
	return r < 0 ? filter_failed(aim, r) : 0;
}

/* The conditions first: who comes while the survey is under way is in. */
static int set_filter(struct aim *aim)
{
	const struct selector *selector = aim->selector;
	unsigned slot;
	struct capture *capture = pipeline_capture(aim->recording, &slot);
	int r = 0;

	for (size_t i = 0; i < selector->n_comms && !r; i++)
		r = capture_add_comm(capture, slot, selector->comms[i]);
	/* Of several users, whoever is no admin gets their own processes, if they are among them. */
	for (size_t i = 0; i < selector->n_uids && !r; i++)
		if (aim->caller->is_admin || selector->uids[i] == aim->caller->uid)
			r = capture_add_uid(capture, slot, selector->uids[i]);
	if (!selector->n_uids && !aim->caller->is_admin && !r)
		r = capture_add_uid(capture, slot, aim->caller->uid);
	return r < 0 ? filter_failed(aim, r) : 0;
}

static int set_add(struct aim *aim)
{
	unsigned slot;
	int r = set_filter(aim);

	if (!r && selector_has_groups(aim->selector))
		r = groups_filter(aim);
	if (r < 0)
		return r;
	if (aim_kinds(aim->selector, aim->caller)) {
		r = set_survey(aim);
		if (!r)
			descendants_try(aim, aim->matched, aim->n_matched);
		return r;
	}
	capture_ask_all_files(pipeline_capture(aim->recording, &slot));
	return 0;
}

int aim_take(struct aim *aim)
{
	const struct access_caller *caller = aim->caller;
	char what[64];
	int r = numbers_add(aim);

	if (!r && selector_is_set(aim->selector))
		r = set_add(aim);
	if (r == -EACCES) {
		selector_describe(aim->selector, what, sizeof(what));
		audit_line(caller->uid, LOG_LEVEL_NOTICE,
			"denied: uid %u pid %d wants to record %s: %s", caller->uid,
			(int)caller->pid, what, aim->failure->text);
	}
	return r;
}
