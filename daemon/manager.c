/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One list of recordings, under way and finished, oldest first. A finished one stays for its client
 * to fetch, up to a number per user and in all; then the oldest goes.
 */

#include "daemon/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admission.h"
#include "daemon/aim.h"
#include "daemon/base/limits.h"
#include "daemon/examination.h"
#include "daemon/manager-state.h"
#include "daemon/recording.h"
#include "daemon/target/credentials.h"
#include "daemon/target/targets.h"
#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/time.h"

struct examined {
	struct list link; /* manager.examinations */
	struct manager *manager;
	struct examination *examination;
};

static void examined_free(struct examined *examined)
{
	struct manager *manager = examined->manager;

	list_remove(&examined->link);
	manager->n_examinations--;
	examination_free(examined->examination);
	pipeline_end_examination(manager->pipeline);
	free(examined);
}

static struct recording *recording_of(struct list *link)
{
	return container_of(link, struct recording, link);
}

struct manager *manager_free(struct manager *manager)
{
	if (!manager)
		return NULL;
	list_for_each (&manager->recordings, link)
		recording_free(recording_of(link));
	while (!list_is_empty(&manager->examinations))
		examined_free(container_of(manager->examinations.next, struct examined, link));
	free(manager);
	return NULL;
}

/* One of the caller's, or NULL: others' are not told from those that do not exist. */
static struct recording *find(
	struct manager *manager, const struct access_caller *caller, const char *id)
{
	list_for_each (&manager->recordings, link) {
		struct recording *recording = recording_of(link);

		if (!strcmp(recording->state.id, id) &&
			access_check_owner(caller, recording->owner.uid) == ACCESS_ALLOWED)
			return recording;
	}
	return NULL;
}

/* Counts what is under way or (is_finished) kept, of one user or of all. */
size_t manager_count(struct manager *manager, bool is_finished, const uid_t *uid)
{
	size_t n = 0;

	list_for_each (&manager->recordings, link) {
		struct recording *recording = recording_of(link);

		if (!!recording->pipeline == is_finished)
			continue;
		if (!uid || recording->owner.uid == *uid)
			n++;
	}
	return n;
}

/* False: there is none that could go. */
static bool drop_oldest(struct manager *manager, const uid_t *uid)
{
	list_for_each (&manager->recordings, link) {
		struct recording *recording = recording_of(link);

		if (recording->pipeline || recording->n_observers ||
			(uid && recording->owner.uid != *uid))
			continue;
		recording_free(recording);
		return true;
	}
	return false;
}

static bool on_memory_short(void *userdata, const uid_t *uid)
{
	struct manager *manager = userdata;
	uid_t greedy;

	if (!uid && memory_find_greedy(&manager->memory, &greedy))
		uid = &greedy;
	return uid && drop_oldest(manager, uid);
}

int manager_new(struct loop *loop, struct pipeline *pipeline, struct continuous *continuous,
	struct throttle *throttle, struct manager **ret_manager)
{
	struct manager *manager = calloc(1, sizeof(*manager));

	if (!manager)
		return -ENOMEM;
	manager->loop = loop;
	manager->pipeline = pipeline;
	manager->continuous = continuous;
	manager->throttle = throttle;
	manager->start_ns = time_now_ns(CLOCK_MONOTONIC);
	list_init(&manager->recordings);
	list_init(&manager->examinations);
	memory_init(&manager->memory, on_memory_short, manager);
	*ret_manager = manager;
	return 0;
}

void manager_set_memory(struct manager *manager, uint64_t bytes)
{
	manager->memory.rule = (struct share_rule){
		.all = bytes,
		.per_uid = bytes / 32 * LIMIT_MEMORY_PER_UID_PARTS,
		.little = bytes / 32 * LIMIT_MEMORY_LITTLE_PARTS,
	};
}

int manager_refuse_limit(struct failure *ret_failure, const char *what, uint64_t value)
{
	failure_set(ret_failure, FAILURE_RESOURCE_LIMIT, what, "at most %" PRIu64, value);
	ret_failure->limit = value;
	return -EDQUOT;
}

static int unsupported(
	struct failure *ret_failure, const char *what, const char *value, const char *why)
{
	char feature[64];

	snprintf(feature, sizeof(feature), "%s %s", what, value);
	failure_set(ret_failure, FAILURE_NOT_SUPPORTED, feature, "%s", why);
	return -EOPNOTSUPP;
}

/* auto and dwarf are one: by unwind tables, and frame pointers where a file has none. */
static bool is_call_graph(const char *name)
{
	return !strcmp(name, "auto") || !strcmp(name, "dwarf") || !strcmp(name, "fp") ||
		!strcmp(name, "none");
}

static int request_check(struct manager *manager, const struct access_caller *caller,
	const struct recording_request *request, struct failure *ret_failure)
{
	if (!selector_is_valid(&request->selector)) {
		failure_set(ret_failure, FAILURE_NO_SUCH_TARGET, "target", "none was given");
		return -ESRCH;
	}
	if (strcmp(request->event, "cpu") != 0 && strcmp(request->event, "cpu-clock") != 0)
		return unsupported(ret_failure, "event", request->event,
			"this version samples cpu and cpu-clock");
	if (!is_call_graph(request->call_graph))
		return unsupported(ret_failure, "call graph", request->call_graph,
			"there are auto, dwarf, fp and none");
	return admission_check(&manager->recordings, caller, request, ret_failure);
}

/* The first of its memory, so that a recording which begins can also keep something. */
static int memory_take(
	struct manager *manager, struct recording *recording, struct failure *ret_failure)
{
	enum share_verdict verdict;

	memory_open(&manager->memory, &recording->memory, recording->owner.uid,
		recording->owner.is_admin);
	verdict = memory_set(&recording->memory, LIMIT_MEMORY_STEP_BYTES);
	if (verdict == SHARE_GRANTED)
		return 0;
	return manager_refuse_limit(ret_failure,
		verdict == SHARE_OF_USER_USED ? "memory for profiles of one user (bytes)"
					      : "memory for profiles (bytes)",
		share_limit(&manager->memory.rule, verdict));
}

static int operation_record(void *userdata, const struct access_caller *caller,
	const struct recording_request *request, struct recording_observer *observer,
	struct recording_state *ret_state, struct failure *ret_failure)
{
	struct manager *manager = userdata;
	struct recording *recording;
	int r = request_check(manager, caller, request, ret_failure);

	if (r < 0)
		return r;
	if (manager_count(manager, true, &caller->uid) >= LIMIT_PROFILES_PER_UID)
		drop_oldest(manager, &caller->uid);
	if (manager_count(manager, true, NULL) >= LIMIT_PROFILES)
		drop_oldest(manager, NULL);
	recording = calloc(1, sizeof(*recording));
	if (!recording) {
		failure_set(ret_failure, FAILURE_FAILED, "recording", "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	recording->loop = manager->loop;
	recording->owner = *caller;
	snprintf(recording->state.id, sizeof(recording->state.id), "%" PRIu64, ++manager->last_id);
	list_add_tail(&manager->recordings, &recording->link);
	r = memory_take(manager, recording, ret_failure);
	if (!r)
		r = recording_start(recording, manager->pipeline, request, ret_failure);
	if (!r && observer)
		r = recording_observe(recording, observer);
	if (r < 0) {
		recording_free(recording);
		return r;
	}
	recording_state(recording, ret_state);
	return 0;
}

static void operation_abandon(void *userdata, struct recording_observer *observer)
{
	struct manager *manager = userdata;

	list_for_each (&manager->recordings, link) {
		struct recording *recording = recording_of(link);
		size_t n = recording->n_observers;

		recording_unobserve(recording, observer);
		if (recording->n_observers < n && recording->pipeline && !recording->is_detached &&
			!recording->n_observers)
			recording_free(recording);
	}
}

static int not_found(enum failure_kind kind, const char *id, struct failure *ret_failure)
{
	failure_set(ret_failure, kind, id, "there is none of yours with this id");
	return -ENOENT;
}

static int operation_stop(void *userdata, const struct access_caller *caller, const char *id,
	struct recording_observer *observer, struct failure *ret_failure)
{
	struct recording *recording = find(userdata, caller, id);
	int r;

	if (!recording)
		return not_found(FAILURE_NO_SUCH_RECORDING, id, ret_failure);
	r = recording_observe(recording, observer);
	if (r < 0)
		return manager_refuse_limit(
			ret_failure, "clients waiting for one recording", LIMIT_OBSERVERS);
	recording_stop(recording);
	return 0;
}

static bool operation_state(void *userdata, const struct access_caller *caller, const char *id,
	struct recording_state *ret_state)
{
	struct recording *recording = find(userdata, caller, id);

	if (recording)
		recording_state(recording, ret_state);
	return recording;
}

static int operation_list(void *userdata, const struct access_caller *caller,
	struct recording_state **ret_states, size_t *ret_n)
{
	struct manager *manager = userdata;
	struct recording_state *states = calloc(
		LIMIT_RECORDINGS + LIMIT_PROFILES + 1, sizeof(*states));
	size_t n = 0;

	if (!states)
		return -ENOMEM;
	list_for_each (&manager->recordings, link) {
		struct recording *recording = recording_of(link);

		if (access_check_owner(caller, recording->owner.uid) != ACCESS_ALLOWED ||
			recording->is_given || n > LIMIT_RECORDINGS + LIMIT_PROFILES)
			continue;
		recording_state(recording, &states[n++]);
	}
	*ret_states = states;
	*ret_n = n;
	return 0;
}

static int operation_find_profile(void *userdata, const struct access_caller *caller,
	const char *id, struct profile **ret_profile, struct failure *ret_failure)
{
	struct recording *recording = find(userdata, caller, id);

	if (!recording || !recording->profile)
		return not_found(FAILURE_NO_SUCH_PROFILE, id, ret_failure);
	recording->is_given = true;
	*ret_profile = profile_ref(recording->profile);
	return 0;
}

static void on_examination_end(void *userdata, struct examination *examination)
{
	examined_free(userdata);
}

static int process_identify(uint32_t pid, struct jit_process_id *ret_id)
{
	struct access_process process;
	struct jit_process_id id = {.pid = pid};
	int r = process_start_time(pid, &id.start_ns);

	if (!r)
		r = credentials_read_pid((pid_t)pid, &process);
	if (r < 0)
		return r;
	id.uid = process.euid;
	*ret_id = id;
	return 0;
}

static int operation_examine(void *userdata, const struct access_caller *caller, uint32_t pid,
	struct examination_observer *observer, struct failure *ret_failure)
{
	struct manager *manager = userdata;
	struct examination_config config = {.observer = observer, .on_end = on_examination_end};
	struct examined *examined;
	/* Who it is before whether it may be: a successor in the pid is another. */
	int identified = process_identify(pid, &config.process);
	int r = aim_check_pid(caller, pid, ret_failure);

	if (r < 0)
		return r;
	if (manager->n_examinations == LIMIT_EXAMINATIONS)
		return manager_refuse_limit(
			ret_failure, "examinations under way", LIMIT_EXAMINATIONS);
	examined = calloc(1, sizeof(*examined));
	r = examined ? identified : -ENOMEM;
	config.userdata = examined;
	if (!r)
		r = pipeline_examine(manager->pipeline, &config, &examined->examination);
	if (r < 0) {
		failure_set(ret_failure, FAILURE_FAILED, "examining", "%s", strerror(-r));
		free(examined);
		return r;
	}
	examined->manager = manager;
	list_add_tail(&manager->examinations, &examined->link);
	manager->n_examinations++;
	return 0;
}

static void operation_abandon_examination(void *userdata, struct examination_observer *observer)
{
	struct manager *manager = userdata;

	list_for_each (&manager->examinations, link) {
		struct examined *examined = container_of(link, struct examined, link);

		if (examination_is_for(examined->examination, observer))
			examined_free(examined);
	}
}

const struct server_operations manager_operations = {
	.query = manager_query,
	.abandon_query = manager_abandon_query,
	.examine = operation_examine,
	.abandon_examination = operation_abandon_examination,
	.record = operation_record,
	.abandon = operation_abandon,
	.stop = operation_stop,
	.state = operation_state,
	.list = operation_list,
	.find_profile = operation_find_profile,
	.status = manager_status,
};
