/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The life of one recording. Observers are always told from the loop. */

#include "daemon/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/aim.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

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
	memory_set(&recording->memory, recording->profile ? profile_bytes(profile) : 0);
	recording->memory.is_kept = recording->profile;
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

static void state_fill(struct recording *recording, const struct recording_request *request)
{
	struct recording_state *state = &recording->state;

	snprintf(state->event, sizeof(state->event), "%s", request->event);
	if (request->title)
		snprintf(state->target, sizeof(state->target), "%s", request->title);
	else
		selector_describe(&request->selector, state->target, sizeof(state->target));
	state->frequency_hz = request->frequency_hz;
	state->uid = recording->owner.uid;
	state->state = "preparing";
}

int recording_perf_event_paranoid(void)
{
	CLEANUP(freep) char *text = NULL;

	if (text_read_file(-1, "/proc/sys/kernel/perf_event_paranoid", 64, &text, NULL) < 0)
		return 2;
	return atoi(text);
}

static enum attribution_per per_parse(const char *word)
{
	if (!word)
		return ATTRIBUTION_PER_NOTHING;
	if (!strcmp(word, "cpu"))
		return ATTRIBUTION_PER_CPU;
	return strcmp(word, "thread") ? ATTRIBUTION_PER_PROCESS : ATTRIBUTION_PER_THREAD;
}

static int pipeline_begin(struct recording *recording, struct pipeline *pipeline,
	const struct recording_request *request, struct failure *ret_failure)
{
	struct pipeline_request begin = {
		.caller = recording->owner,
		.memory = &recording->memory,
		.sees_kernel = access_sees_kernel(
			&recording->owner, recording_perf_event_paranoid()),
		.kinds = aim_kinds(&request->selector, &recording->owner),
		.is_set = selector_is_set(&request->selector),
		.with_children = request->selector.with_children,
		.per = per_parse(request->per),
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

static int targets_take(struct recording *recording, const struct recording_request *request,
	struct failure *ret_failure)
{
	CLEANUP(aim_done)
	struct aim aim = {
		.caller = &recording->owner,
		.selector = &request->selector,
		.on_exec = request->on_exec,
		.recording = recording->pipeline,
		.failure = ret_failure,
	};
	char note[96];
	int r = aim_take(&aim);

	if (r < 0 || !aim.n_left_out)
		return r;
	snprintf(note, sizeof(note), "%" PRIu64 " %s left out, not the caller's", aim.n_left_out,
		aim.n_left_out == 1 ? "process" : "processes");
	r = pipeline_note(recording->pipeline, note);
	if (r < 0)
		failure_set(ret_failure, FAILURE_FAILED, "recording", "%s", strerror(-r));
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
	if (!r)
		r = targets_take(recording, request, ret_failure);
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
	ret_state->n_pending = pipeline_n_pending(recording->pipeline);
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
	memory_close(&recording->memory);
	free(recording);
	return NULL;
}
