/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One recording from request to profile: preparing (until the unwind tables of what is mapped are in
 * place) -> recording -> naming -> finished, or failed. Whoever waits
 * for it is an observer; a finished one keeps its profile until the manager drops it.
 */

#include "daemon/base/limits.h"
#include "daemon/base/loop.h"
#include "daemon/pipeline.h"
#include "daemon/server/operations.h"
#include "proto/base/list.h"

struct recording {
	struct list link; /* manager.recordings */
	struct loop *loop;
	struct access_caller owner;
	struct recording_state state;
	struct recording_observer *observers[LIMIT_OBSERVERS];
	size_t n_observers;
	struct pipeline_observer pipeline_observer;
	struct pipeline_recording *pipeline; /* NULL once finished */
	struct loop_source *duration_timer, *notice;
	struct profile *profile; /* once finished */
	struct memory_account memory; /* for it; the manager opens it */
	struct failure failure; /* of a recording that came to nothing; FAILURE_NONE else */
	bool is_detached, on_exec, has_ended_itself;
	bool is_given; /* its profile was asked for */
	uint64_t duration_ns; /* 0: until stopped */
};

/*
 * Starts: checks the targets against the caller's rights. 0, or a negative errno with
 * *ret_failure filled in. state.id is the caller's to fill in before.
 */
int recording_start(struct recording *recording, struct pipeline *pipeline,
	const struct recording_request *request, struct failure *ret_failure);

/* 0, or -EBUSY above LIMIT_OBSERVERS. A finished recording tells it from the loop. */
int recording_observe(struct recording *recording, struct recording_observer *observer);
void recording_unobserve(struct recording *recording, struct recording_observer *observer);

/* Ends sampling; observers hear when the profile is ready. May be called again. */
void recording_stop(struct recording *recording);

/* The sysctl kernel.perf_event_paranoid; 2 where it cannot be read. */
int recording_perf_event_paranoid(void);

/* The state as of now. */
void recording_state(const struct recording *recording, struct recording_state *ret_state);

/* Off its list, with all that it holds. Takes NULL, returns NULL. */
struct recording *recording_free(struct recording *recording);
