/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The life of one recording. A pid is pinned by a pidfd before its facts are read, and looked at
 * again after it has entered the filter: a process that ended in between would leave an entry that
 * its successor in the pid inherits. Observers are always told from the loop.
 */

#include "daemon/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/target/credentials.h"
#include "daemon/target/descendants.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define DESCENDANT_PASSES 4

/* Tells everyone how it ended. */
static void tell_end(struct recording *recording)
{
	struct recording_state state;

	recording_state(recording, &state);
	while (recording->n_observers) {
		struct recording_observer *observer = recording
							      ->observers[--recording->n_observers];

		if (recording->profile)
			observer->on_finished(observer, &state, recording->profile);
		else
			observer->on_failed(observer, &recording->failure);
	}
}

static void on_finished(
	struct pipeline_observer *pipeline_observer, struct profile *profile, int error)
{
	struct recording *recording = container_of(
		pipeline_observer, struct recording, pipeline_observer);

	recording_state(recording, &recording->state); /* the last figures */
	if (!profile) {
		log_error("recording %s failed: %s", recording->state.id, strerror(-error));
		failure_set(&recording->failure, FAILURE_FAILED, recording->state.target, "%s",
			strerror(-error));
	} else if (recording->has_ended_itself && !recording->on_exec && !profile->ledger.taken) {
		failure_set(&recording->failure, FAILURE_NO_SUCH_TARGET, recording->state.target,
			"it ended before anything was taken");
	} else {
		recording->profile = profile_ref(profile);
		snprintf(recording->state.profile_id, sizeof(recording->state.profile_id), "%s",
			recording->state.id);
	}
	recording->pipeline = pipeline_release(recording->pipeline);
	recording->state.state = recording->profile ? "finished" : "failed";
	tell_end(recording);
}

void recording_stop(struct recording *recording)
{
	if (!recording->pipeline || !strcmp(recording->state.state, "naming"))
		return;
	recording->state.state = "naming";
	recording->duration_timer = loop_source_free(recording->duration_timer);
	pipeline_finish(recording->pipeline);
}

static void on_ready(struct pipeline_observer *pipeline_observer)
{
	struct recording *recording = container_of(
		pipeline_observer, struct recording, pipeline_observer);
	struct recording_state state;

	recording->state.state = "recording";
	/* A target may have ended already: then the timer is set for that. */
	if (recording->duration_ns && !recording->has_ended_itself)
		loop_source_set_time(recording->duration_timer,
			time_now_ns(CLOCK_MONOTONIC) + recording->duration_ns);
	recording_state(recording, &state);
	for (size_t i = 0; i < recording->n_observers; i++)
		recording->observers[i]->on_started(recording->observers[i], &state);
}

static void on_targets_gone(struct pipeline_observer *pipeline_observer)
{
	struct recording *recording = container_of(
		pipeline_observer, struct recording, pipeline_observer);

	/* Not from here: this comes out of the ring, which ending the recording drains. */
	recording->has_ended_itself = true;
	loop_source_set_time(recording->duration_timer, time_now_ns(CLOCK_MONOTONIC));
}

static int on_duration(void *userdata)
{
	recording_stop(userdata);
	return 0;
}

/* For those who come when all is over. */
static int on_notice(void *userdata)
{
	struct recording *recording = userdata;

	recording->notice = loop_source_free(recording->notice);
	tell_end(recording);
	return 0;
}

int recording_observe(struct recording *recording, struct recording_observer *observer)
{
	if (recording->n_observers == LIMIT_OBSERVERS)
		return -EBUSY;
	recording->observers[recording->n_observers++] = observer;
	if (recording->pipeline || recording->notice)
		return 0;
	return loop_add_deferred(recording->loop, on_notice, recording, &recording->notice);
}

void recording_unobserve(struct recording *recording, struct recording_observer *observer)
{
	for (size_t i = 0; i < recording->n_observers; i++)
		if (recording->observers[i] == observer)
			recording->observers[i--] = recording->observers[--recording->n_observers];
}

static int no_such_target(struct failure *ret_failure, uint32_t pid, const char *why)
{
	char what[32];

	snprintf(what, sizeof(what), "pid %" PRIu32, pid);
	failure_set(ret_failure, FAILURE_NO_SUCH_TARGET, what, "%s", why);
	return -ESRCH;
}

/* A pidfd for a process; the failure tells a thread's id from no id at all. */
static int pid_open(uint32_t pid, struct failure *ret_failure)
{
	CLEANUP(freep) char *status = NULL;
	int fd = pid && pid <= INT32_MAX ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
	char path[48], why[96];
	unsigned group;

	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", pid);
	if (text_read_file(-1, path, 8192, &status, NULL) == 0) {
		const char *line = strstr(status, "\nTgid:");

		if (line && sscanf(line, " Tgid: %u", &group) == 1 && group != pid) {
			snprintf(why, sizeof(why), "it is a thread; its process is %u", group);
			return no_such_target(ret_failure, pid, why);
		}
	}
	return no_such_target(ret_failure, pid, "no process has this pid");
}

static int pid_check(const struct recording *recording, uint32_t pid, struct failure *ret_failure)
{
	struct access_process process;
	enum access_rule rule;
	int r = credentials_read_pid((pid_t)pid, &process);

	if (r == -ESRCH)
		return no_such_target(ret_failure, pid, "it has ended");
	if (r < 0) {
		failure_set(ret_failure, FAILURE_FAILED, "reading the process's credentials", "%s",
			strerror(-r));
		return r;
	}
	if (process.is_kernel_thread)
		return no_such_target(ret_failure, pid,
			"it is a kernel thread, which has no program of its own to record");
	rule = access_check_process(&recording->owner, &process);
	if (rule == ACCESS_ALLOWED)
		return 0;
	failure_set(ret_failure, FAILURE_NOT_PERMITTED, "", "%s", access_rule_sentence(rule));
	ret_failure->pid = pid;
	return -EACCES;
}

static int target_add(
	struct recording *recording, uint32_t pid, bool on_exec, struct failure *ret_failure)
{
	CLEANUP(closep) int fd = pid_open(pid, ret_failure);
	struct pollfd ended = {.events = POLLIN};
	int r;

	if (fd < 0)
		return fd;
	r = pid_check(recording, pid, ret_failure);
	if (r < 0)
		return r;
	r = pipeline_add_target(recording->pipeline, pid, on_exec);
	if (r < 0 && r != -ESRCH) {
		failure_set(ret_failure, FAILURE_FAILED, "adding the process to the filter", "%s",
			strerror(-r));
		return r;
	}
	ended.fd = fd;
	if (!r && !poll(&ended, 1, 0))
		return 0;
	pipeline_remove_target(recording->pipeline, pid);
	return no_such_target(ret_failure, pid, "it has ended");
}

/*
 * Those that the targets have started already. New ones enter the filter by themselves once their
 * parent is in it; what a process started between our look and its entry is found by looking again.
 * Whoever has ended meanwhile, or is none of the caller's, is left out.
 */
static int descendants_add(struct recording *recording, const struct recording_request *request)
{
	size_t n = 1, n_known = 0;
	int r = 0;

	for (int pass = 0; pass < DESCENDANT_PASSES && n > n_known && !r; pass++) {
		CLEANUP(freep) uint32_t *pids = NULL;
		struct failure ignored;

		n_known = pass ? n : 0;
		r = descendants_find(request->pids, request->n_pids, LIMIT_DESCENDANTS, &pids, &n);
		for (size_t i = 0; i < n && !r; i++)
			if (!pipeline_has_target(recording->pipeline, pids[i]))
				target_add(recording, pids[i], false, &ignored);
	}
	return r;
}

static void state_fill(struct recording *recording, const struct recording_request *request)
{
	struct recording_state *state = &recording->state;

	snprintf(state->event, sizeof(state->event), "%s", request->event);
	if (request->title)
		snprintf(state->target, sizeof(state->target), "%s", request->title);
	else
		snprintf(state->target, sizeof(state->target), "pid %" PRIu32 "%s",
			request->pids[0], request->n_pids > 1 ? " and others" : "");
	state->frequency_hz = request->frequency_hz;
	state->uid = recording->owner.uid;
	state->state = "preparing";
}

static int perf_event_paranoid(void)
{
	CLEANUP(freep) char *text = NULL;

	if (text_read_file(-1, "/proc/sys/kernel/perf_event_paranoid", 64, &text, NULL) < 0)
		return 2;
	return atoi(text);
}

static int pipeline_begin(struct recording *recording, struct pipeline *pipeline,
	const struct recording_request *request, struct failure *ret_failure)
{
	struct pipeline_request begin = {
		.caller = recording->owner,
		.sees_kernel = access_sees_kernel(&recording->owner, perf_event_paranoid()),
		.with_children = request->with_children,
		.with_kernel = request->with_kernel,
		.with_callers = strcmp(request->call_graph, "none") != 0,
		.is_cpu_clock = !strcmp(request->event, "cpu-clock"),
		.frequency_hz = request->frequency_hz,
		.title = recording->state.target,
		.event_asked = request->event,
		.call_graph = request->call_graph,
	};
	int r = pipeline_record(
		pipeline, &begin, &recording->pipeline_observer, &recording->pipeline);

	if (r == -EBUSY)
		failure_set(
			ret_failure, FAILURE_RESOURCE_LIMIT, "recordings", "all slots are taken");
	else if (r < 0)
		failure_set(ret_failure, FAILURE_FAILED, "opening perf events", "%s", strerror(-r));
	return r;
}

int recording_start(struct recording *recording, struct pipeline *pipeline,
	const struct recording_request *request, struct failure *ret_failure)
{
	int r;

	recording->pipeline_observer = (struct pipeline_observer){
		on_ready, on_targets_gone, on_finished};
	recording->duration_ns = request->duration_ns;
	recording->is_detached = request->is_detached;
	recording->on_exec = request->on_exec;
	state_fill(recording, request);
	r = loop_add_timer(recording->loop, UINT64_MAX / 2, on_duration, recording,
		&recording->duration_timer);
	if (r < 0) {
		failure_set(ret_failure, FAILURE_FAILED, "setting a timer", "%s", strerror(-r));
		return r;
	}
	r = pipeline_begin(recording, pipeline, request, ret_failure);
	for (size_t i = 0; i < request->n_pids && !r; i++) {
		r = target_add(recording, request->pids[i], request->on_exec, ret_failure);
		if (r == -EACCES)
			log_notice("denied: uid %u pid %d wants to record pid %" PRIu32 ": %s",
				recording->owner.uid, recording->owner.pid, request->pids[i],
				ret_failure->text);
	}
	if (!r && request->with_children && !request->on_exec &&
		descendants_add(recording, request) < 0)
		log_warning("recording %s: cannot look for processes that its targets have started",
			recording->state.id);
	if (r < 0)
		return r;
	r = pipeline_go(recording->pipeline);
	if (r < 0)
		failure_set(ret_failure, FAILURE_FAILED, "opening perf events", "%s", strerror(-r));
	return r;
}

void recording_state(const struct recording *recording, struct recording_state *ret_state)
{
	struct abi_counters counters;

	*ret_state = recording->state;
	if (!recording->pipeline)
		return;
	pipeline_counters(recording->pipeline, &counters);
	ret_state->elapsed_ns = pipeline_elapsed_ns(recording->pipeline);
	ret_state->n_samples = counters.delivered;
	ret_state->n_lost = counters.lost_full;
}

struct recording *recording_free(struct recording *recording)
{
	if (!recording)
		return NULL;
	list_remove(&recording->link);
	pipeline_release(recording->pipeline);
	loop_source_free(recording->duration_timer);
	loop_source_free(recording->notice);
	profile_unref(recording->profile);
	free(recording);
	return NULL;
}
