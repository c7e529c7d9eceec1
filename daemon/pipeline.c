/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The only place that knows two neighbouring stages. A sample comes from capture with the bits of
 * the recordings that drew it, and goes to the attribution of each; a frame seen for the first time
 * is wanted from the symbolizer at once; a file seen for the first time is acquired. At the
 * end of a recording its profile waits, for a bounded time, for the names that are still missing.
 * Invariant: recordings[slot] is set exactly while capture has the slot.
 */

#include "daemon/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/acquisition.h"
#include "daemon/examination.h"
#include "daemon/naming.h"
#include "daemon/opener/opener.h"
#include "daemon/symbolize/jit-symbols.h"
#include "daemon/symbolize/kernel-symbols.h"
#include "daemon/symbolize/symbolizer.h"
#include "daemon/target/attribution.h"
#include "daemon/target/object-table.h"
#include "daemon/target/targets.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

#define NAMING_BUDGET_NS (2 * NS_PER_SECOND)
#define NAMING_GATHER_NS (500 * NS_PER_MS)
/* How long a recording waits for the files and tables of its targets before it samples anyway. */
#define PREPARING_BUDGET_NS NS_PER_SECOND

struct pipeline {
	struct loop *loop;
	struct capture *capture;
	struct opener *opener;
	struct symbolizer *symbolizer;
	struct jit_symbols *jit_symbols;
	struct kernel_symbols *kernel_symbols;
	struct labels *labels;
	struct acquisition *acquisition;
	struct pipeline_recording *recordings[ABI_RECORDINGS_MAX];
	size_t n_recordings, n_examinations;
	uint64_t n_taken, n_lost, n_missed; /* of recordings that have ended */
};

struct pipeline_recording {
	struct pipeline *pipeline;
	struct pipeline_observer *observer;
	struct attribution *attribution;
	struct targets targets;
	unsigned slot;
	size_t n_threads; /* aimed at by tid, that have not ended */
	size_t n_groups; /* aimed at and not followed, that have not been removed */
	bool has_followed;
	bool is_everything, has_threads, is_set, with_children, is_open, is_sampling;
	unsigned n_namings; /* who is still waited for, at the end */
	struct loop_source *go_timer; /* from pipeline_go until sampling begins */
	double frequency_hz;
	uint64_t start_ns, end_ns, n_received;
	uint64_t scheduler_before_ns; /* of the whole system, when sampling began */
	uint64_t scheduler_ns; /* CPU time of the targets while it sampled, once it has stopped */
	struct abi_counters counters; /* final, once it has stopped */
};

static void on_sample(void *userdata, const struct sample *sample)
{
	struct pipeline *pipeline = userdata;

	for (uint64_t left = sample->head->recordings; left; left &= left - 1) {
		struct pipeline_recording *recording = pipeline->recordings[__builtin_ctzll(left)];

		if (!recording)
			continue;
		recording->n_received++;
		attribution_add(recording->attribution, sample);
	}
}

/* Recordings that wait for the files of their targets may begin. Where there is none any more, the
 * last one may have left before all was settled. */
static void on_settled(void *userdata)
{
	struct pipeline *pipeline = userdata;

	for (size_t i = 0; i < ABI_RECORDINGS_MAX; i++)
		if (pipeline->recordings[i] && pipeline->recordings[i]->go_timer)
			loop_source_set_time(
				pipeline->recordings[i]->go_timer, time_now_ns(CLOCK_MONOTONIC));
	if (!pipeline->n_recordings)
		acquisition_rest(pipeline->acquisition);
}

static void on_fork(struct pipeline *pipeline, const struct abi_event *event)
{
	for (size_t i = 0; i < ABI_RECORDINGS_MAX; i++) {
		struct pipeline_recording *recording = pipeline->recordings[i];

		if (recording && recording->with_children &&
			targets_has(&recording->targets, event->parent))
			targets_add(&recording->targets, event->pid, 0);
	}
}

/* Named by number were all that it aims at, and all have ended. */
static void targets_look(struct pipeline_recording *recording)
{
	if (!recording->is_set && !recording->targets.n && !recording->n_threads &&
		recording->is_open)
		recording->observer->on_targets_gone(recording->observer);
}

static void on_thread_exit(struct pipeline *pipeline, const struct abi_event *event)
{
	for (uint64_t left = event->aimed.recordings; left; left &= left - 1) {
		struct pipeline_recording *recording = pipeline->recordings[__builtin_ctzll(left)];

		if (!recording || !recording->n_threads)
			continue;
		recording->n_threads--;
		targets_look(recording);
	}
}

static void on_group_gone(struct pipeline *pipeline, const struct abi_event *event)
{
	for (uint64_t left = event->aimed.recordings; left; left &= left - 1) {
		struct pipeline_recording *recording = pipeline->recordings[__builtin_ctzll(left)];

		if (!recording || recording->has_followed || !recording->n_groups)
			continue;
		if (!--recording->n_groups && recording->is_open)
			recording->observer->on_targets_gone(recording->observer);
	}
}

static void on_exit_event(struct pipeline *pipeline, const struct abi_event *event)
{
	for (size_t i = 0; i < ABI_RECORDINGS_MAX; i++) {
		struct pipeline_recording *recording = pipeline->recordings[i];

		if (!recording || !targets_has(&recording->targets, event->pid))
			continue;
		targets_remove(&recording->targets, event->pid, event->runtime_ns);
		targets_look(recording);
	}
}

static void on_event(void *userdata, const struct abi_event *event)
{
	struct pipeline *pipeline = userdata;

	if (event->kind == ABI_EVENT_NEED_FILE)
		acquisition_need(pipeline->acquisition, event);
	else if (event->kind == ABI_EVENT_EXEC)
		acquisition_watch(pipeline->acquisition, event->pid);
	else if (event->kind == ABI_EVENT_FORK)
		on_fork(pipeline, event);
	else if (event->kind == ABI_EVENT_EXIT)
		on_exit_event(pipeline, event);
	else if (event->kind == ABI_EVENT_THREAD_EXIT)
		on_thread_exit(pipeline, event);
	else if (event->kind == ABI_EVENT_CGROUP_GONE)
		on_group_gone(pipeline, event);
	else if (event->kind == ABI_EVENT_CGROUP)
		labels_add_group(pipeline->labels, event->aimed.cgroup, event->aimed.path);
}

static void on_frame(void *userdata, struct object *object, uint64_t file_offset)
{
	struct pipeline *pipeline = userdata;

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

static void on_files(void *userdata, struct object *object)
{
	struct pipeline *pipeline = userdata;

	acquisition_on_files(pipeline->acquisition, object);
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

static int helpers_open(struct pipeline *pipeline, const struct pipeline_config *config)
{
	struct symbolizer_config symbolizer = {
		.gather_ns = NAMING_GATHER_NS,
		.worker_path = config->worker_path,
		.debug_directories = config->debug_directories,
		.n_workers = config->n_workers,
		.on_files = on_files,
		.userdata = pipeline,
	};
	struct acquisition_config acquisition = {
		.loop = pipeline->loop,
		.capture = pipeline->capture,
		.worker_path = config->worker_path,
		.cache_directory = config->cache_directory,
		.on_settled = on_settled,
		.userdata = pipeline,
	};
	int r = opener_new(pipeline->loop, &pipeline->opener);

	if (!r)
		r = symbolizer_new(
			pipeline->loop, pipeline->opener, &symbolizer, &pipeline->symbolizer);
	if (!r)
		r = jit_symbols_new(pipeline->loop, pipeline->opener, config->worker_path,
			&pipeline->jit_symbols);
	if (!r)
		r = kernel_symbols_new(&pipeline->kernel_symbols);
	if (!r)
		r = labels_new(&pipeline->labels);
	acquisition.opener = pipeline->opener;
	acquisition.symbolizer = pipeline->symbolizer;
	if (!r)
		r = acquisition_new(&acquisition, &pipeline->acquisition);
	return r;
}

static int pipeline_open(struct pipeline *pipeline, const struct pipeline_config *config,
	struct capture_problem *ret_problem)
{
	struct capture_handlers handlers = {.on_sample = on_sample, .on_event = on_event};
	int r = capture_new(pipeline->loop, &handlers, pipeline, config->mappings, ret_problem,
		&pipeline->capture);

	if (r < 0)
		return r;
	if (config->mappings == CAPTURE_MAPPINGS_AUTO && capture_is_mirroring(pipeline->capture))
		log_warning("this kernel's tree of mappings has a layout that is not known here; "
			    "going on with a mirror of it, which lags behind a little");
	capture_set_max_frames(pipeline->capture, config->max_frames);
	r = helpers_open(pipeline, config);
	if (r < 0)
		snprintf(ret_problem->text, sizeof(ret_problem->text),
			"cannot start the helpers (perfd-opener, perfd-elf-worker): %s",
			strerror(-r));
	return r;
}

int pipeline_new(struct loop *loop, const struct pipeline_config *config,
	struct capture_problem *ret_problem, struct pipeline **ret_pipeline)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
	int r;

	if (!pipeline) {
		snprintf(ret_problem->text, sizeof(ret_problem->text), "out of memory");
		return -ENOMEM;
	}
	pipeline->loop = loop;
	r = pipeline_open(pipeline, config, ret_problem);
	if (r < 0) {
		pipeline_free(pipeline);
		return r;
	}
	*ret_pipeline = pipeline;
	return 0;
}

struct pipeline *pipeline_free(struct pipeline *pipeline)
{
	if (!pipeline)
		return NULL;
	acquisition_free(pipeline->acquisition);
	capture_free(pipeline->capture);
	symbolizer_free(pipeline->symbolizer);
	jit_symbols_free(pipeline->jit_symbols);
	opener_free(pipeline->opener);
	kernel_symbols_free(pipeline->kernel_symbols);
	labels_free(pipeline->labels);
	free(pipeline);
	return NULL;
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
		.with_tables = strcmp(request->call_graph, "fp") != 0,
		.is_cpu_clock = request->is_cpu_clock,
	};
	struct attribution_neighbours neighbours = {
		on_frame, on_address, kernel_name, on_labels, pipeline};
	struct attribution_request attribution = {
		.caller = request->caller,
		.sees_kernel = request->sees_kernel,
		.with_kernel = request->with_kernel,
		.per = request->per,
		.with_callers = request->with_callers,
		.frequency_hz = request->frequency_hz,
		.initial_user_namespace = capture_initial_user_namespace(),
	};
	int r;

	if (request->with_kernel && request->sees_kernel)
		kernel_symbols_refresh(pipeline->kernel_symbols);
	recording->attribution = attribution_new(
		&attribution, &neighbours, acquisition_objects(pipeline->acquisition));
	if (!recording->attribution)
		return -ENOMEM;
	r = capture_take(pipeline->capture, &capture, &recording->slot);
	if (r < 0)
		return r;
	recording->is_open = true;
	pipeline->recordings[recording->slot] = recording;
	pipeline->n_recordings++;
	/* From here on the kernel tells of new groups. */
	if (request->is_set)
		labels_read_groups(pipeline->labels);
	return naming_begin(attribution_profile(recording->attribution),
		&(struct naming_request){
			.title = request->title,
			.event = capture_event(pipeline->capture),
			.event_asked = request->event_asked,
			.call_graph = request->call_graph,
			.frequency_hz = request->frequency_hz,
		});
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
	recording->is_set = request->is_set;
	recording->is_everything = request->is_set && !request->kinds;
	recording->with_children = request->with_children;
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
	uint64_t used_ns;
	int r = process_cpu_time(pid, &used_ns);

	if (!r)
		r = targets_add(&recording->targets, pid, used_ns);
	if (!r)
		r = capture_add_target(
			recording->pipeline->capture, recording->slot, pid, 0, on_exec);
	if (r < 0)
		targets_remove(&recording->targets, pid, 0);
	return r;
}

void pipeline_remove_target(struct pipeline_recording *recording, uint32_t pid)
{
	targets_remove(&recording->targets, pid, 0);
	capture_remove_target(recording->pipeline->capture, recording->slot, pid);
}

int pipeline_add_thread(struct pipeline_recording *recording, uint32_t tid)
{
	int r = capture_add_thread(recording->pipeline->capture, recording->slot, tid);

	if (r < 0)
		return r;
	recording->has_threads = true;
	recording->n_threads++;
	return 0;
}

void pipeline_remove_thread(struct pipeline_recording *recording, uint32_t tid)
{
	capture_remove_thread(recording->pipeline->capture, recording->slot, tid);
}

int pipeline_add_cgroup(struct pipeline_recording *recording, const struct capture_cgroup *cgroup)
{
	int r = capture_add_cgroup(recording->pipeline->capture, recording->slot, cgroup);

	if (r < 0)
		return r;
	recording->n_groups += !cgroup->path;
	recording->has_followed |= !!cgroup->path;
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

/* CPU time of the target while it was sampled; 0 where nobody has counted it. */
static uint64_t scheduler_ns(const struct pipeline_recording *recording)
{
	uint64_t now_ns;

	if (recording->is_everything && !system_cpu_time(&now_ns) &&
		now_ns > recording->scheduler_before_ns)
		return now_ns - recording->scheduler_before_ns;
	if (recording->is_set || recording->has_threads)
		return 0;
	return targets_scheduler_ns(&recording->targets);
}

static int on_go(void *userdata)
{
	struct pipeline_recording *recording = userdata;
	int r;

	recording->go_timer = loop_source_free(recording->go_timer);
	recording->start_ns = time_now_ns(CLOCK_MONOTONIC);
	attribution_start(recording->attribution, recording->start_ns);
	targets_restart(&recording->targets);
	if (recording->is_everything && system_cpu_time(&recording->scheduler_before_ns) < 0)
		recording->is_everything = false;
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
	int r = loop_add_timer(pipeline->loop, time_now_ns(CLOCK_MONOTONIC) + PREPARING_BUDGET_NS,
		on_go, recording, &recording->go_timer);

	if (r < 0)
		return r;
	capture_drain(pipeline->capture); /* what the targets have mapped */
	if (!acquisition_n_pending(pipeline->acquisition))
		on_settled(pipeline);
	return 0;
}

/* Objects that nobody could open are gone, now that nobody will ask again in time. */
static void objects_give_up(struct pipeline_recording *recording)
{
	size_t n;
	const struct attributed_frame *frames = attribution_frames(recording->attribution, &n);

	for (size_t i = 0; i < n; i++) {
		struct object *object = frames[i].object;

		if (!object || object->state != OBJECT_OPENING || object->is_requested)
			continue;
		object->state = OBJECT_GONE;
		symbolizer_on_object(recording->pipeline->symbolizer, object);
	}
}

static void sampling_stop(struct pipeline_recording *recording)
{
	struct pipeline *pipeline = recording->pipeline;

	if (!recording->is_open)
		return;
	recording->is_open = false;
	recording->is_sampling = false;
	recording->go_timer = loop_source_free(recording->go_timer);
	capture_stop(pipeline->capture, recording->slot);
	recording->end_ns = time_now_ns(CLOCK_MONOTONIC);
	recording->scheduler_ns = scheduler_ns(recording);
	capture_counters(pipeline->capture, recording->slot, &recording->counters);
	pipeline->n_taken += recording->counters.taken;
	pipeline->n_lost += recording->counters.lost_full;
	pipeline->n_missed += recording->counters.missed;
	capture_release(pipeline->capture, recording->slot);
	pipeline->recordings[recording->slot] = NULL;
}

static int on_named(void *userdata)
{
	struct pipeline_recording *recording = userdata;
	struct profile *profile = attribution_profile(recording->attribution);
	size_t n;
	const struct attributed_frame *frames = attribution_frames(recording->attribution, &n);
	int r;

	if (--recording->n_namings)
		return 0;
	r = naming_apply(profile,
		&(struct naming_sources){
			recording->pipeline->symbolizer, recording->pipeline->jit_symbols},
		frames, n);
	if (!r)
		r = naming_end(profile,
			&(struct naming_result){
				.duration_ns = recording->end_ns - recording->start_ns,
				.scheduler_ns = recording->scheduler_ns,
				.n_taken = recording->counters.taken,
				.n_lost_full = recording->counters.lost_full,
				.n_lost_between = recording->counters.delivered -
					recording->n_received,
				.n_missed = recording->counters.missed,
			});
	recording->observer->on_finished(recording->observer, r < 0 ? NULL : profile, r);
	return 0;
}

void pipeline_finish(struct pipeline_recording *recording)
{
	struct pipeline *pipeline = recording->pipeline;
	uint64_t deadline_ns = time_now_ns(CLOCK_MONOTONIC) + NAMING_BUDGET_NS;

	sampling_stop(recording);
	objects_give_up(recording);
	recording->n_namings = 1;
	if (!symbolizer_wait(pipeline->symbolizer, deadline_ns, on_named, recording))
		recording->n_namings++;
	if (!jit_symbols_wait(pipeline->jit_symbols, deadline_ns, on_named, recording))
		recording->n_namings++;
	on_named(recording);
}

/* Nobody asks for what is known of processes any more. */
static void jit_rest(struct pipeline *pipeline)
{
	if (!pipeline->n_recordings && !pipeline->n_examinations)
		jit_symbols_rest(pipeline->jit_symbols);
}

struct pipeline_recording *pipeline_release(struct pipeline_recording *recording)
{
	struct pipeline *pipeline;

	if (!recording)
		return NULL;
	pipeline = recording->pipeline;
	if (recording->n_namings) {
		symbolizer_cancel_wait(pipeline->symbolizer, recording);
		jit_symbols_cancel_wait(pipeline->jit_symbols, recording);
	}
	if (recording->is_open || recording->end_ns) {
		sampling_stop(recording);
		if (!--pipeline->n_recordings)
			acquisition_rest(pipeline->acquisition);
		jit_rest(pipeline);
	}
	attribution_free(recording->attribution);
	targets_done(&recording->targets);
	free(recording);
	return NULL;
}

size_t pipeline_n_pending(const struct pipeline_recording *recording)
{
	return recording->go_timer ? acquisition_n_pending(recording->pipeline->acquisition) : 0;
}

uint64_t pipeline_elapsed_ns(const struct pipeline_recording *recording)
{
	uint64_t end_ns = recording->is_sampling ? time_now_ns(CLOCK_MONOTONIC) : recording->end_ns;

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

int pipeline_examine(struct pipeline *pipeline, struct examination_config *config,
	struct examination **ret_examination)
{
	int r;

	config->loop = pipeline->loop;
	config->opener = pipeline->opener;
	config->symbolizer = pipeline->symbolizer;
	config->jit_symbols = pipeline->jit_symbols;
	r = examination_new(config, ret_examination);
	if (!r)
		pipeline->n_examinations++;
	return r;
}

void pipeline_end_examination(struct pipeline *pipeline)
{
	pipeline->n_examinations--;
	jit_rest(pipeline);
}

void pipeline_statistics(struct pipeline *pipeline, struct pipeline_statistics *ret_statistics)
{
	struct acquisition_statistics acquired;
	struct symbolizer_statistics symbols;

	acquisition_statistics(pipeline->acquisition, &acquired);
	symbolizer_statistics(pipeline->symbolizer, &symbols);
	*ret_statistics = (struct pipeline_statistics){
		.n_taken = pipeline->n_taken,
		.n_lost = pipeline->n_lost,
		.n_missed = pipeline->n_missed,
		.n_objects = acquired.n_objects,
		.tables = acquired.tables,
		.n_tables_dropped = acquired.n_tables_dropped,
		.n_workers = symbols.n_workers,
		.n_worker_restarts = symbols.n_worker_restarts,
		.n_wanted = symbols.n_wanted,
		.n_named = symbols.n_named,
		.kernel_ns_per_sample = capture_kernel_ns(pipeline->capture),
		.event = capture_event(pipeline->capture),
		.mappings = capture_is_mirroring(pipeline->capture) ? "mirror" : "maple-tree",
	};
	for (size_t i = 0; i < ABI_RECORDINGS_MAX; i++) {
		struct abi_counters counters;

		if (!pipeline->recordings[i])
			continue;
		pipeline_counters(pipeline->recordings[i], &counters);
		ret_statistics->n_taken += counters.taken;
		ret_statistics->n_lost += counters.lost_full;
		ret_statistics->n_missed += counters.missed;
	}
}
