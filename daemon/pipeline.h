/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The corridor: capture -> target -> profile -> symbolize. One pipeline per daemon, one
 * pipeline_recording per recording.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/access/access.h"
#include "daemon/base/shares.h"
#include "daemon/base/loop.h"
#include "daemon/capture/capture.h"
#include "daemon/symbolize/fetcher.h"
#include "daemon/target/attribution.h"
#include "proto/profile/profile.h"

struct examination;
struct examination_config;
struct pipeline;
struct pipeline_recording;

struct pipeline_config {
	const char *worker_path;
	const char *cache_directory; /* for unwind tables; NULL: none */
	const char *const *debug_directories; /* NULL-terminated */
	struct fetcher_config fetcher;
	unsigned n_workers;
	enum capture_mappings mappings;
	uint32_t max_frames; /* of a user stack, 1 to ABI_USER_FRAMES_MAX */
};

struct pipeline_request {
	struct access_caller caller;
	struct memory_account *memory; /* for the profile; NULL: nobody's */
	unsigned kinds; /* enum capture_kind: what must hold of a target */
	bool is_set; /* it does not end with the processes that it began with */
	bool sees_kernel, with_children, with_kernel, with_callers, is_cpu_clock;
	bool with_visibility; /* for the store: see attribution.h */
	/* It goes on all the time: nothing is done ahead of its samples, and what it costs is held
	 * within the budget. */
	bool is_background;
	size_t n_stacks_max; /* 0: the usual limit */
	size_t n_stacks_held; /* fewer, because of the budget; 0: it does not hold back */
	enum attribution_per per;
	double frequency_hz;
	const char *title, *event_asked, *call_graph; /* copied into the profile */
};

/* Callbacks come from the loop. */
struct pipeline_observer {
	/* After pipeline_go: sampling has begun. */
	void (*on_ready)(struct pipeline_observer *observer);
	/* The last of the recording's processes has ended. */
	void (*on_targets_gone)(struct pipeline_observer *observer);
	/* After pipeline_finish: the sealed profile (borrowed), or NULL with a negative errno. The
	 * recording is the observer's to release. */
	void (*on_finished)(struct pipeline_observer *observer, struct profile *profile, int error);
	/* Before that, if its names take their time: see pipeline_window. NULL: not wanted. */
	void (*on_closed)(struct pipeline_observer *observer, const struct profile *profile);
};

/* One that was cut off; the caller's until on_sealed. Callbacks come from the loop, or from
 * pipeline_cut(); none after pipeline_release(). */
struct pipeline_window {
	/* Once, if names take their time: what there is (borrowed), with those that are known. */
	void (*on_closed)(struct pipeline_window *window, const struct profile *profile);
	/* Once: the sealed profile (borrowed), or NULL with a negative errno. */
	void (*on_sealed)(struct pipeline_window *window, struct profile *profile, int error);
};

/* 0, or a negative errno with *ret_problem filled in. The loop is borrowed. */
int pipeline_new(struct loop *loop, const struct pipeline_config *config,
	struct capture_problem *ret_problem, struct pipeline **ret_pipeline);
struct pipeline *pipeline_free(struct pipeline *pipeline);

/* What may change while it runs, which is max_frames, debug_directories and fetcher: for stacks, and
 * for files met, from now on. 0 or -ENOMEM. */
int pipeline_reconfigure(struct pipeline *pipeline, const struct pipeline_config *config);

/* Begins a recording without targets. 0, -EBUSY (no slot), or another negative errno. */
int pipeline_record(struct pipeline *pipeline, const struct pipeline_request *request,
	struct pipeline_observer *observer, struct pipeline_recording **ret_recording);
int pipeline_add_target(struct pipeline_recording *recording, uint32_t pid, bool on_exec);
/* For one that turns out to have ended before it was added: its successor in the pid is no target. */
void pipeline_remove_target(struct pipeline_recording *recording, uint32_t pid);
/* A thread, until it ends. */
int pipeline_add_thread(struct pipeline_recording *recording, uint32_t tid);
void pipeline_remove_thread(struct pipeline_recording *recording, uint32_t tid);
/* A control group; where none of those of a recording is followed, it ends with the last of them. */
int pipeline_add_cgroup(struct pipeline_recording *recording, const struct capture_cgroup *cgroup);
/* Where the other conditions of its target are to be put: capture, and the slot there. */
struct capture *pipeline_capture(const struct pipeline_recording *recording, unsigned *ret_slot);
/* Words for a person, into the profile. 0 or -ENOMEM. */
int pipeline_note(struct pipeline_recording *recording, const char *text);
bool pipeline_has_target(const struct pipeline_recording *recording, uint32_t pid);
/*
 * To be called once, after the first targets: begins to sample as soon as all that they have mapped
 * is ready to be unwound, but no later than a fixed time from now. 0 or a negative errno.
 */
int pipeline_go(struct pipeline_recording *recording);
/*
 * Ends the window and begins the next one without a pause: no sample is lost between them. `request`
 * is the one that the recording was begun with, but for frequency and number of stacks. 0 or a negative
 * errno: the window goes on, and nothing is called back.
 */
int pipeline_cut(struct pipeline_recording *recording, const struct pipeline_request *request,
	struct pipeline_window *window);
/* Ends sampling; names what is left, then on_finished. May be called once. */
void pipeline_finish(struct pipeline_recording *recording);
/* Ends it in whatever state. Takes NULL, returns NULL. */
struct pipeline_recording *pipeline_release(struct pipeline_recording *recording);

/* Files that it waits for until it begins. */
size_t pipeline_n_pending(const struct pipeline_recording *recording);
uint64_t pipeline_elapsed_ns(const struct pipeline_recording *recording);
void pipeline_counters(
	const struct pipeline_recording *recording, struct abi_counters *ret_counters);
/* Looks at a process as a recording would; see examination.h, where the helpers are filled in. 0 or a
 * negative errno. */
int pipeline_examine(struct pipeline *pipeline, struct examination_config *config,
	struct examination **ret_examination);
/* The examination was freed. */
void pipeline_end_examination(struct pipeline *pipeline);
