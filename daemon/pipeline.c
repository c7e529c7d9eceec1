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

#define NAMING_GATHER_NS (500 * NS_PER_MS)
/* How long a recording waits for the files and tables of its targets before it samples anyway. */
#define PREPARING_BUDGET_NS NS_PER_SECOND
/* The same for a set, whose files may be all that there are: most need no table to begin with. */
#define PREPARING_SET_BUDGET_NS (250 * NS_PER_MS)
#define LOOK_INTERVAL_NS NS_PER_SECOND

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
	struct loop_source *look_timer; /* while there are recordings */
	uint64_t n_events_lost; /* when it was last looked after */
	uint64_t n_taken, n_lost, n_missed; /* of recordings that have ended */
};

struct pipeline_recording {
	struct pipeline *pipeline;
	struct pipeline_observer *observer;
	struct attribution *attribution;
	struct targets targets;
	unsigned slot;
	bool is_open, is_sampling;
	struct naming_wait naming;
	struct loop_source *go_timer; /* from pipeline_go until sampling begins */
	double frequency_hz;
	uint64_t start_ns, end_ns, n_received;
	uint64_t usage_before_ns; /* of the targets, when sampling began; UINT64_MAX: unknown */
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

/* What the kernel side itself still has of the targets. */
static void targets_sync(struct pipeline_recording *recording)
{
	struct capture_aimed aimed;

	if (capture_find_aimed(recording->pipeline->capture, recording->slot, &aimed) < 0)
		return;
	targets_set(&recording->targets, aimed.pids, aimed.n_pids, aimed.n_threads, aimed.n_groups);
}

/* The last target that we know of has gone; there may be some that we were not told of. */
static void targets_look(struct pipeline_recording *recording)
{
	if (!recording->is_open)
		return;
	if (!recording->targets.is_set)
		targets_sync(recording);
	if (targets_are_gone(&recording->targets))
		recording->observer->on_targets_gone(recording->observer);
}

static void on_targets_event(struct pipeline *pipeline, const struct abi_event *event)
{
	for (size_t i = 0; i < ABI_RECORDINGS_MAX; i++) {
		struct pipeline_recording *recording = pipeline->recordings[i];

		if (recording && targets_on_event(&recording->targets, event))
			targets_look(recording);
	}
}

/* Where events were lost, an end may have been among them. */
static int on_look(void *userdata)
{
	struct pipeline *pipeline = userdata;
	uint64_t n_lost = capture_events_lost(pipeline->capture);

	for (size_t i = 0; i < ABI_RECORDINGS_MAX && n_lost != pipeline->n_events_lost; i++) {
		struct pipeline_recording *recording = pipeline->recordings[i];

		if (!recording)
			continue;
		targets_sync(recording);
		if (recording->is_open && targets_are_gone(&recording->targets))
			recording->observer->on_targets_gone(recording->observer);
	}
	pipeline->n_events_lost = n_lost;
	return loop_source_set_time(
		pipeline->look_timer, time_now_ns(CLOCK_MONOTONIC) + LOOK_INTERVAL_NS);
}

static int look_begin(struct pipeline *pipeline)
{
	if (pipeline->look_timer)
		return 0;
	pipeline->n_events_lost = capture_events_lost(pipeline->capture);
	return loop_add_timer(pipeline->loop, time_now_ns(CLOCK_MONOTONIC) + LOOK_INTERVAL_NS,
		on_look, pipeline, &pipeline->look_timer);
}

static void on_event(void *userdata, const struct abi_event *event)
{
	struct pipeline *pipeline = userdata;

	if (event->kind == ABI_EVENT_NEED_FILE)
		acquisition_need(pipeline->acquisition, event);
	else if (event->kind == ABI_EVENT_EXEC)
		acquisition_watch(pipeline->acquisition, event->pid);
	else if (event->kind == ABI_EVENT_CGROUP)
		labels_add_group(pipeline->labels, event->aimed.cgroup, event->aimed.path);
	else
		on_targets_event(pipeline, event);
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

int pipeline_reconfigure(
	struct pipeline *pipeline, uint32_t max_frames, const char *const *debug_directories)
{
	capture_set_max_frames(pipeline->capture, max_frames);
	return symbolizer_set_debug_directories(pipeline->symbolizer, debug_directories);
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
	loop_source_free(pipeline->look_timer);
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
		.initial_user_namespace = ABI_INITIAL_USER_NAMESPACE,
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
	recording->targets.slot = recording->slot;
	pipeline->recordings[recording->slot] = recording;
	pipeline->n_recordings++;
	/* From here on the kernel tells of new groups. */
	if (request->is_set)
		labels_read_groups(pipeline->labels);
	r = look_begin(pipeline);
	if (r < 0)
		return r;
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

	if (r < 0)
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

static int on_go(void *userdata)
{
	struct pipeline_recording *recording = userdata;
	int r;

	recording->go_timer = loop_source_free(recording->go_timer);
	recording->start_ns = time_now_ns(CLOCK_MONOTONIC);
	attribution_start(recording->attribution, recording->start_ns);
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
		on_settled(pipeline);
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

static int on_named(void *userdata)
{
	struct pipeline_recording *recording = userdata;
	struct profile *profile = attribution_profile(recording->attribution);
	size_t n;
	const struct attributed_frame *frames = attribution_frames(recording->attribution, &n);
	int r = naming_apply(profile, &recording->naming.sources, frames, n);

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
	size_t n;
	const struct attributed_frame *frames;

	sampling_stop(recording);
	frames = attribution_frames(recording->attribution, &n);
	recording->naming = (struct naming_wait){
		.sources = {recording->pipeline->symbolizer, recording->pipeline->jit_symbols},
		.on_named = on_named,
		.userdata = recording,
	};
	naming_wait(&recording->naming, frames, n);
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
	naming_cancel(&recording->naming);
	if (recording->is_open || recording->end_ns) {
		sampling_stop(recording);
		if (!--pipeline->n_recordings) {
			pipeline->look_timer = loop_source_free(pipeline->look_timer);
			acquisition_rest(pipeline->acquisition);
		}
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
