/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The only place that knows two neighbouring stages. A sample comes from capture with the bits of
 * the recordings that drew it, and goes to the attribution of each; what the kernel side tells of
 * files, processes and groups goes to the rooms that keep them. The recordings themselves, from
 * their beginning to the profile, are in pipeline-recording.c.
 * Invariant: recordings[slot] is set exactly while capture has the slot.
 */

#include "daemon/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/capture/capture-functions.h"
#include "daemon/examination.h"
#include "daemon/opener/opener.h"
#include "daemon/pipeline-state.h"
#include "daemon/symbolize/jit-symbols.h"
#include "daemon/symbolize/kernel-symbols.h"
#include "daemon/symbolize/symbolizer.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

#define NAMING_GATHER_NS (500 * NS_PER_MS)

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

static void on_soon(void *userdata, uint64_t recordings, uint32_t place, uint64_t leaf)
{
	const struct pipeline *pipeline = userdata;

	for (uint64_t left = recordings; left; left &= left - 1) {
		const struct pipeline_recording
			*recording = pipeline->recordings[__builtin_ctzll(left)];

		if (recording)
			attribution_expect(recording->attribution, place, leaf);
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
static void on_look(void *userdata)
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

static void on_files(void *userdata, struct object *object)
{
	struct pipeline *pipeline = userdata;

	acquisition_on_files(pipeline->acquisition, object);
}

static int tell_function(void *userdata, uint64_t address, char *text, size_t size)
{
	struct pipeline *pipeline = userdata;

	return capture_tell_function(pipeline->capture, address, text, size);
}

static int helpers_open(struct pipeline *pipeline, const struct pipeline_config *config)
{
	struct symbolizer_config symbolizer = {
		.gather_ns = NAMING_GATHER_NS,
		.worker_path = config->worker_path,
		.debug_directories = config->debug_directories,
		.fetcher = config->fetcher,
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
		r = kernel_symbols_new(tell_function, pipeline, &pipeline->kernel_symbols);
	if (!r)
		r = labels_new(&pipeline->labels);
	acquisition.opener = pipeline->opener;
	acquisition.symbolizer = pipeline->symbolizer;
	if (!r)
		r = acquisition_new(&acquisition, &pipeline->acquisition);
	return r;
}

int pipeline_reconfigure(struct pipeline *pipeline, const struct pipeline_config *config)
{
	int r = symbolizer_set_debug_directories(pipeline->symbolizer, config->debug_directories);

	capture_set_max_frames(pipeline->capture, config->max_frames);
	return r ? r : symbolizer_set_fetcher(pipeline->symbolizer, &config->fetcher);
}

static int pipeline_open(struct pipeline *pipeline, const struct pipeline_config *config,
	struct capture_problem *ret_problem)
{
	struct capture_handlers handlers = {
		.on_sample = on_sample,
		.on_soon = on_soon,
		.on_event = on_event,
		.on_look = on_look,
	};
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

void pipeline_rest(struct pipeline *pipeline)
{
	if (!pipeline->n_recordings && !pipeline->n_examinations)
		jit_symbols_rest(pipeline->jit_symbols);
	if (pipeline->n_recordings)
		return;
	acquisition_rest(pipeline->acquisition);
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
	pipeline_rest(pipeline);
}
