/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A recording, from its targets to its profile. A frame seen for the first time is wanted from the
 * symbolizer at once. It waits, for a bounded time, for the files and tables of its targets before
 * it samples, and at its end for the names that are still missing (finishing.h); windows are cut
 * off it without a pause.
 * Invariant: it has a slot of capture's exactly while it is open.
 */

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/capture/capture-cost.h"
#include "daemon/finishing.h"
#include "daemon/naming.h"
#include "daemon/pipeline-state.h"
#include "daemon/symbolize/jit-symbols.h"
#include "daemon/symbolize/kernel-symbols.h"
#include "daemon/symbolize/symbolizer.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

/* How long a recording waits for the files and tables of its targets before it samples anyway. */
#define PREPARING_BUDGET_NS NS_PER_SECOND
/* The same for a set, whose files may be all that there are: most need no table to begin with. */
#define PREPARING_SET_BUDGET_NS (250 * NS_PER_MS)
/* A debug package takes as long to install, and somebody waits for its names. */
#define DEBUG_FILES_AGE_NS (5 * NS_PER_SECOND)
#define DEBUG_FILES_BACKGROUND_AGE_NS (600 * NS_PER_SECOND)

static void on_frame(void *userdata, struct object *object, uint64_t file_offset)
{
	struct pipeline *pipeline = userdata;

	object->used_ns = time_now_ns(CLOCK_MONOTONIC);
	symbolizer_want(pipeline->symbolizer, object, file_offset);
}

static uint64_t on_address(void *userdata, const struct sample *sample, uint64_t address)
{
	struct pipeline *pipeline = userdata;
	const struct abi_identity *who = &sample->identity->facts;
	struct jit_process_id id = {
		.pid = who->pid, .uid = who->credentials.euid, .start_ns = who->start_ns};

	return jit_symbols_want(pipeline->jit_symbols, &id, address, sample->head->time_ns);
}

static const char *kernel_name(void *userdata, uint64_t address, const char **ret_module)
{
	struct pipeline *pipeline = userdata;

	return kernel_symbols_find(pipeline->kernel_symbols, address, ret_module);
}

static void on_labels(void *userdata, const struct abi_identity *who, struct label_texts *ret)
{
	struct pipeline *pipeline = userdata;

	labels_find(pipeline->labels, who, ret);
}

static int attribution_begin(struct pipeline *pipeline, const struct pipeline_request *request,
	struct attribution **ret_attribution)
{
	struct attribution_neighbours neighbours = {
		on_frame, on_address, kernel_name, on_labels, pipeline};
	struct attribution_request attribution = {
		.caller = request->caller,
		.memory = request->memory,
		.sees_kernel = request->sees_kernel,
		.with_kernel = request->with_kernel,
		.with_visibility = request->with_visibility,
		.per = request->per,
		.with_callers = request->with_callers,
		.n_stacks_max = request->n_stacks_max,
		.n_stacks_held = request->n_stacks_held,
		.frequency_hz = request->frequency_hz,
		.initial_user_namespace = ABI_INITIAL_USER_NAMESPACE,
	};
	struct attribution *begun;
	int r;

	symbolizer_refresh(pipeline->symbolizer,
		request->is_background ? DEBUG_FILES_BACKGROUND_AGE_NS : DEBUG_FILES_AGE_NS);
	if (request->with_kernel && request->sees_kernel)
		kernel_symbols_refresh(pipeline->kernel_symbols);
	begun = attribution_new(
		&attribution, &neighbours, acquisition_objects(pipeline->acquisition));
	if (!begun)
		return -ENOMEM;
	r = naming_begin(attribution_profile(begun),
		&(struct naming_request){
			.title = request->title,
			.event = capture_event(pipeline->capture),
			.event_asked = request->event_asked,
			.call_graph = request->call_graph,
			.frequency_hz = request->frequency_hz,
		});
	if (r < 0) {
		attribution_free(begun);
		return r;
	}
	*ret_attribution = begun;
	return 0;
}

static int recording_open(
	struct pipeline_recording *recording, const struct pipeline_request *request)
{
	struct pipeline *pipeline = recording->pipeline;
	struct capture_request capture = {
		.frequency_hz = request->frequency_hz,
		.kinds = request->kinds,
		.with_children = request->with_children,
		.with_kernel = request->with_kernel,
		.with_callers = request->with_callers,
		.with_programs = !request->is_background,
		.with_tables = strcmp(request->call_graph, "fp") != 0,
		.is_cpu_clock = request->is_cpu_clock,
	};
	int r = attribution_begin(pipeline, request, &recording->attribution);

	if (r < 0)
		return r;
	r = capture_take(pipeline->capture, &capture, &recording->slot);
	if (r < 0)
		return r;
	recording->is_open = true;
	recording->targets.slot = recording->slot;
	pipeline->recordings[recording->slot] = recording;
	if (!pipeline->n_recordings++)
		pipeline->n_events_lost = capture_events_lost(pipeline->capture);
	pipeline->n_background += recording->is_background;
	/* From here on the kernel tells of new groups. */
	if (request->is_set)
		labels_read_groups(pipeline->labels);
	return 0;
}

int pipeline_record(struct pipeline *pipeline, const struct pipeline_request *request,
	struct pipeline_observer *observer, struct pipeline_recording **ret_recording)
{
	struct pipeline_recording *recording = calloc(1, sizeof(*recording));
	int r;

	if (!recording)
		return -ENOMEM;
	recording->pipeline = pipeline;
	recording->observer = observer;
	list_init(&recording->finishings);
	recording->is_background = request->is_background;
	recording->targets.is_set = request->is_set;
	recording->targets.with_children = request->with_children;
	recording->frequency_hz = request->frequency_hz;
	recording->start_ns = time_now_ns(CLOCK_MONOTONIC);
	r = recording_open(recording, request);
	if (r < 0) {
		pipeline_release(recording);
		return r;
	}
	*ret_recording = recording;
	return 0;
}

int pipeline_add_target(struct pipeline_recording *recording, uint32_t pid, bool on_exec)
{
	int r = targets_add(&recording->targets, pid);

	if (!r)
		r = capture_add_target(
			recording->pipeline->capture, recording->slot, pid, 0, on_exec);
	if (r < 0)
		targets_remove(&recording->targets, pid);
	return r;
}

void pipeline_remove_target(struct pipeline_recording *recording, uint32_t pid)
{
	targets_remove(&recording->targets, pid);
	capture_remove_target(recording->pipeline->capture, recording->slot, pid);
}

int pipeline_add_thread(struct pipeline_recording *recording, uint32_t tid)
{
	int r = capture_add_thread(recording->pipeline->capture, recording->slot, tid);

	recording->targets.n_threads += !r;
	return r;
}

void pipeline_remove_thread(struct pipeline_recording *recording, uint32_t tid)
{
	capture_remove_thread(recording->pipeline->capture, recording->slot, tid);
}

int pipeline_add_cgroup(struct pipeline_recording *recording, const struct capture_cgroup *cgroup)
{
	int r = capture_add_cgroup(recording->pipeline->capture, recording->slot, cgroup);

	if (r < 0 || cgroup->is_left_out)
		return r;
	targets_add_group(&recording->targets, cgroup->path);
	return 0;
}

struct capture *pipeline_capture(const struct pipeline_recording *recording, unsigned *ret_slot)
{
	*ret_slot = recording->slot;
	return recording->pipeline->capture;
}

int pipeline_note(struct pipeline_recording *recording, const char *text)
{
	struct profile *profile = attribution_profile(recording->attribution);

	return profile_add_string(profile, text, &profile->conditions.notes);
}

bool pipeline_has_target(const struct pipeline_recording *recording, uint32_t pid)
{
	return targets_has(&recording->targets, pid);
}

/* CPU time of the targets while they were sampled; 0 where the kernel side cannot tell. */
static uint64_t scheduler_ns(const struct pipeline_recording *recording)
{
	uint64_t now_ns;

	if (capture_usage(recording->pipeline->capture, recording->slot, &now_ns) < 0 ||
		now_ns < recording->usage_before_ns)
		return 0;
	return now_ns - recording->usage_before_ns;
}

/* By both clocks, however long was prepared before. */
static void window_start(struct pipeline_recording *recording)
{
	attribution_start(recording->attribution, recording->start_ns);
	attribution_profile(recording->attribution)->conditions.start_realtime_ns = time_now_ns(
		CLOCK_REALTIME);
}

static int on_go(void *userdata)
{
	struct pipeline_recording *recording = userdata;
	int r;

	recording->go_timer = loop_source_free(recording->go_timer);
	recording->start_ns = time_now_ns(CLOCK_MONOTONIC);
	window_start(recording);
	if (capture_usage(
		    recording->pipeline->capture, recording->slot, &recording->usage_before_ns) < 0)
		recording->usage_before_ns = UINT64_MAX;
	r = capture_start(recording->pipeline->capture, recording->slot);
	if (r < 0) {
		recording->observer->on_finished(recording->observer, NULL, r);
		return 0;
	}
	recording->is_sampling = true;
	recording->observer->on_ready(recording->observer);
	return 0;
}

int pipeline_go(struct pipeline_recording *recording)
{
	struct pipeline *pipeline = recording->pipeline;
	uint64_t budget_ns = recording->targets.is_set ? PREPARING_SET_BUDGET_NS
						       : PREPARING_BUDGET_NS;
	int r = loop_add_timer(pipeline->loop, time_now_ns(CLOCK_MONOTONIC) + budget_ns, on_go,
		recording, &recording->go_timer);

	if (r < 0)
		return r;
	capture_drain(pipeline->capture); /* what the targets have mapped */
	if (!acquisition_n_pending(pipeline->acquisition))
		return loop_source_set_time(recording->go_timer, time_now_ns(CLOCK_MONOTONIC));
	return 0;
}

static void sampling_stop(struct pipeline_recording *recording)
{
	struct pipeline *pipeline = recording->pipeline;

	if (!recording->is_open)
		return;
	if (recording->is_sampling)
		recording->scheduler_ns = scheduler_ns(recording);
	recording->is_open = false;
	recording->is_sampling = false;
	recording->go_timer = loop_source_free(recording->go_timer);
	capture_stop(pipeline->capture, recording->slot);
	recording->end_ns = time_now_ns(CLOCK_MONOTONIC);
	capture_counters(pipeline->capture, recording->slot, &recording->counters);
	pipeline->n_taken += recording->counters.taken;
	pipeline->n_lost += recording->counters.lost_full;
	pipeline->n_missed += recording->counters.missed;
	capture_release(pipeline->capture, recording->slot);
	pipeline->recordings[recording->slot] = NULL;
}

static void on_finished(void *userdata, struct profile *profile, int error)
{
	struct pipeline_recording *recording = userdata;

	recording->observer->on_finished(recording->observer, profile, error);
}

static void on_closed(void *userdata, const struct profile *profile)
{
	struct pipeline_recording *recording = userdata;

	recording->observer->on_closed(recording->observer, profile);
}

static void on_window_sealed(void *userdata, struct profile *profile, int error)
{
	struct pipeline_window *window = userdata;

	window->on_sealed(window, profile, error);
}

static void on_window_closed(void *userdata, const struct profile *profile)
{
	struct pipeline_window *window = userdata;

	window->on_closed(window, profile);
}

/* Whom it calls back is filled in by the caller. */
static struct finishing_config finishing_config(struct pipeline *pipeline)
{
	return (struct finishing_config){
		.loop = pipeline->loop,
		.sources = {pipeline->symbolizer, pipeline->jit_symbols},
		.sums = &pipeline->sums,
	};
}

void pipeline_finish(struct pipeline_recording *recording)
{
	const struct abi_counters *counters = &recording->counters, *said = &recording->said;
	struct finishing_config config = finishing_config(recording->pipeline);
	struct finishing *finishing;
	int r;

	config.on_finished = on_finished;
	config.on_closed = recording->observer->on_closed ? on_closed : NULL;
	config.userdata = recording;
	r = finishing_new(&recording->finishings, &config, &finishing);
	sampling_stop(recording);
	if (r < 0) {
		recording->observer->on_finished(recording->observer, NULL, r);
		return;
	}
	*finishing_result(finishing) = (struct naming_result){
		.duration_ns = recording->end_ns - recording->start_ns,
		.scheduler_ns = recording->scheduler_ns,
		.n_taken = counters->taken - said->taken,
		.n_lost_full = counters->lost_full - said->lost_full,
		.n_lost_between = counters->delivered - recording->n_received,
		.n_missed = counters->missed - said->missed,
	};
	finishing_start(finishing, TAKE(recording->attribution));
}

/* What this window has to say of the counters; what is still on its way will be the next one's. */
static void window_measure(struct pipeline_recording *recording, struct naming_result *ret_result)
{
	struct abi_counters now, *said = &recording->said;
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);

	capture_counters(recording->pipeline->capture, recording->slot, &now);
	now.delivered = recording->n_received;
	now.taken = now.delivered + now.lost_full;
	*ret_result = (struct naming_result){
		.duration_ns = now_ns - recording->start_ns,
		.scheduler_ns = scheduler_ns(recording),
		.n_taken = now.taken - said->taken,
		.n_lost_full = now.lost_full - said->lost_full,
		.n_missed = now.missed - said->missed,
	};
	*said = now;
	recording->start_ns = now_ns;
	if (capture_usage(
		    recording->pipeline->capture, recording->slot, &recording->usage_before_ns) < 0)
		recording->usage_before_ns = UINT64_MAX;
}

/* What was drawn at the rate before has arrived, but for a sample that is just being taken. */
static void rate_set(struct pipeline_recording *recording, double frequency_hz)
{
	struct capture *capture = recording->pipeline->capture;

	if (frequency_hz == recording->frequency_hz)
		return;
	if (capture_set_frequency(capture, recording->slot, frequency_hz) == 0)
		recording->frequency_hz = frequency_hz;
	capture_drain(capture);
}

int pipeline_cut(struct pipeline_recording *recording, const struct pipeline_request *request,
	struct pipeline_window *window)
{
	struct finishing_config config = finishing_config(recording->pipeline);
	struct finishing *finishing;
	struct attribution *next, *last;
	int r = attribution_begin(recording->pipeline, request, &next);

	if (r < 0)
		return r;
	config.on_finished = on_window_sealed;
	config.on_closed = window->on_closed ? on_window_closed : NULL;
	config.userdata = window;
	r = finishing_new(&recording->finishings, &config, &finishing);
	if (r < 0) {
		attribution_free(next);
		return r;
	}
	capture_drain(recording->pipeline->capture);
	rate_set(recording, request->frequency_hz);
	window_measure(recording, finishing_result(finishing));
	last = recording->attribution;
	recording->attribution = next;
	window_start(recording);
	finishing_start(finishing, last);
	return 0;
}

struct pipeline_recording *pipeline_release(struct pipeline_recording *recording)
{
	struct pipeline *pipeline;

	if (!recording)
		return NULL;
	pipeline = recording->pipeline;
	finishings_free(&recording->finishings);
	if (recording->is_open || recording->end_ns) {
		sampling_stop(recording);
		pipeline->n_recordings--;
		pipeline->n_background -= recording->is_background;
		pipeline_rest(pipeline);
	}
	attribution_free(recording->attribution);
	targets_done(&recording->targets);
	free(recording);
	/* What it had is free now, but the allocator would keep some megabytes of it. */
	if (!pipeline->n_recordings)
		malloc_trim(0);
	return NULL;
}

size_t pipeline_n_pending(const struct pipeline_recording *recording)
{
	return recording->go_timer ? acquisition_n_pending(recording->pipeline->acquisition) : 0;
}

uint64_t pipeline_elapsed_ns(const struct pipeline_recording *recording)
{
	uint64_t end_ns = recording->is_open ? time_now_ns(CLOCK_MONOTONIC) : recording->end_ns;

	return end_ns - recording->start_ns;
}

void pipeline_counters(
	const struct pipeline_recording *recording, struct abi_counters *ret_counters)
{
	if (recording->is_open)
		capture_counters(recording->pipeline->capture, recording->slot, ret_counters);
	else
		*ret_counters = recording->counters;
}
