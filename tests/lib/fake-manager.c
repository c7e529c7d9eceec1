/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Recordings are timers: started a moment after they were asked for, finished when their time has
 * come. All observers of one are told from the loop, as the contract wants it. */

#include "tests/lib/fake-manager.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/time.h"

#define OBSERVERS_MAX 8
#define N_STACKS_BIG 40000

struct fake_recording {
	struct list link; /* on the manager's recordings */
	struct fake_manager *manager;
	struct recording_state state;
	struct recording_observer *observers[OBSERVERS_MAX];
	size_t n_observers;
	struct loop_source *start, *finish;
	struct profile *profile;
	uint64_t start_ns;
	bool is_detached, is_failing;
};

struct fake_manager {
	struct loop *loop;
	struct list recordings;
	uint64_t n_made, n_abandoned, n_stopped;
};

static struct fake_recording *recording_free(struct fake_recording *recording)
{
	list_remove(&recording->link);
	loop_source_free(recording->start);
	loop_source_free(recording->finish);
	profile_unref(recording->profile);
	free(recording);
	return NULL;
}

static void add_stack(struct profile *profile, uint32_t thread, const char *leaf)
{
	const char *const names[] = {"main", "work", leaf};
	struct profile_sample sample = {.thread = thread};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct profile_function function = {};
		struct profile_line line = {};
		struct profile_frame frame = {.n_lines = 1};
		uint32_t id;

		profile_add_string(profile, names[i], &function.name);
		profile_add_function(profile, &function, &line.function);
		profile_add_frame(profile, &frame, &line, 1, &id);
		profile_add_stack(profile, sample.stack, id, &sample.stack);
	}
	profile_add_sample(profile, &sample, &(int64_t){3});
}

static struct profile *make_profile(bool is_big)
{
	struct profile *profile = profile_new();
	struct profile_process process = {.pid = 1};
	struct profile_thread thread = {.tid = 1};
	uint32_t id;

	profile_add_value_type(profile, "samples", "count");
	profile_add_string(profile, "fake", &process.comm);
	profile_add_process(profile, &process, &thread.process);
	profile_add_thread(profile, &thread, &id);
	add_stack(profile, id, "caf\xc3\xa9;\xff\x1b[31m");
	for (unsigned i = 0; is_big && i < N_STACKS_BIG; i++) {
		char leaf[384];

		snprintf(leaf, sizeof(leaf), "leaf_%0300u_%u", i, i * 2654435761u);
		add_stack(profile, id, leaf);
	}
	profile_count_samples(profile);
	profile_count_lost(profile, "ring-full", 2);
	profile->ledger.taken = profile->ledger.kept + 2;
	profile_seal(profile);
	return profile;
}

static int on_start(void *userdata)
{
	struct fake_recording *recording = userdata;
	struct failure failure;

	recording->start = loop_source_free(recording->start);
	recording->state.state = "recording";
	if (recording->is_failing) {
		failure_set(&failure, FAILURE_FAILED, "the fake", "%s", "it was told to");
		if (recording->n_observers)
			recording->observers[0]->on_failed(recording->observers[0], &failure);
		recording_free(recording);
		return 0;
	}
	if (recording->n_observers)
		recording->observers[0]->on_started(recording->observers[0], &recording->state);
	return 0;
}

static int on_finish(void *userdata)
{
	struct fake_recording *recording = userdata;

	recording->start = loop_source_free(recording->start);
	if (!recording->profile)
		recording->profile = make_profile(!strcmp(recording->state.event, "big"));
	recording->state.state = "finished";
	recording->state.n_samples = recording->profile->ledger.kept;
	snprintf(recording->state.profile_id, sizeof(recording->state.profile_id), "p%.38s",
		recording->state.id);
	while (recording->n_observers) {
		struct recording_observer *observer = recording
							      ->observers[--recording->n_observers];

		observer->on_finished(observer, &recording->state, recording->profile);
	}
	return 0;
}

static int operation_record(void *userdata, const struct access_caller *caller,
	const struct recording_request *request, struct recording_observer *observer,
	struct recording_state *ret_state, struct failure *ret_failure)
{
	struct fake_manager *manager = userdata;
	struct fake_recording *recording;
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	uint64_t length_ns = request->duration_ns ? request->duration_ns : 3600 * NS_PER_SECOND;

	if (!request->selector.n_pids) {
		failure_set(ret_failure, FAILURE_NO_SUCH_TARGET, "a set", "%s", "pids alone");
		return -ESRCH;
	}
	if (request->selector.pids[0] == FAKE_PID_NOT_PERMITTED) {
		failure_set(ret_failure, FAILURE_NOT_PERMITTED, NULL, "%s", "it is not yours");
		ret_failure->pid = request->selector.pids[0];
		return -EPERM;
	}
	if (request->selector.pids[0] == FAKE_PID_NONE) {
		failure_set(ret_failure, FAILURE_NO_SUCH_TARGET, "pid 4243", "%s", "none there");
		return -ESRCH;
	}
	recording = calloc(1, sizeof(*recording));
	recording->manager = manager;
	recording->is_detached = request->is_detached;
	recording->is_failing = request->selector.pids[0] == FAKE_PID_FAILING;
	recording->start_ns = now_ns;
	recording->observers[recording->n_observers++] = observer;
	recording->state = (struct recording_state){
		.state = "preparing", .frequency_hz = request->frequency_hz, .uid = caller->uid};
	snprintf(recording->state.id, sizeof(recording->state.id), "%u",
		(unsigned)++manager->n_made);
	snprintf(recording->state.event, sizeof(recording->state.event), "%s", request->event);
	snprintf(recording->state.target, sizeof(recording->state.target), "%s",
		request->title ? request->title : "a target");
	list_add_tail(&manager->recordings, &recording->link);
	loop_add_deferred(manager->loop, on_start, recording, &recording->start);
	loop_add_timer(manager->loop, now_ns + length_ns, on_finish, recording, &recording->finish);
	*ret_state = recording->state;
	return 0;
}

static void operation_abandon(void *userdata, struct recording_observer *observer)
{
	struct fake_manager *manager = userdata;

	list_for_each (&manager->recordings, link) {
		struct fake_recording *r = container_of(link, struct fake_recording, link);
		size_t n = r->n_observers;

		for (size_t i = 0; i < r->n_observers; i++)
			if (r->observers[i] == observer)
				r->observers[i--] = r->observers[--r->n_observers];
		if (r->n_observers < n && !r->n_observers && !r->is_detached && !r->profile) {
			manager->n_abandoned++;
			recording_free(r);
		}
	}
}

static struct fake_recording *find(struct fake_manager *manager, const char *id, bool by_profile)
{
	list_for_each (&manager->recordings, link) {
		struct fake_recording *r = container_of(link, struct fake_recording, link);

		if (!strcmp(by_profile ? r->state.profile_id : r->state.id, id) && *id)
			return r;
	}
	return NULL;
}

static int operation_stop(void *userdata, const struct access_caller *caller, const char *id,
	struct recording_observer *observer, struct failure *ret_failure)
{
	struct fake_manager *manager = userdata;
	struct fake_recording *recording = find(manager, id, false);

	if (!recording || recording->n_observers == OBSERVERS_MAX) {
		failure_set(ret_failure, FAILURE_NO_SUCH_RECORDING, id, "%s", "");
		return -ENOENT;
	}
	manager->n_stopped++;
	recording->observers[recording->n_observers++] = observer;
	return loop_source_set_time(recording->finish, time_now_ns(CLOCK_MONOTONIC));
}

static bool operation_state(void *userdata, const struct access_caller *caller, const char *id,
	struct recording_state *ret_state)
{
	struct fake_recording *recording = find(userdata, id, false);

	if (!recording)
		return false;
	recording->state.elapsed_ns = time_now_ns(CLOCK_MONOTONIC) - recording->start_ns;
	recording->state.n_samples++;
	*ret_state = recording->state;
	return true;
}

static int operation_list(void *userdata, const struct access_caller *caller,
	struct recording_state **ret_states, size_t *ret_n)
{
	struct fake_manager *manager = userdata;
	size_t n = 0;

	*ret_states = calloc(manager->n_made + 1, sizeof(**ret_states));
	list_for_each (&manager->recordings, link)
		(*ret_states)[n++] = container_of(link, struct fake_recording, link)->state;
	*ret_n = n;
	return 0;
}

static int operation_find_profile(void *userdata, const struct access_caller *caller,
	const char *id, struct profile **ret_profile, struct failure *ret_failure)
{
	struct fake_recording *recording = find(userdata, id, true);

	if (!recording) {
		failure_set(ret_failure, FAILURE_NO_SUCH_PROFILE, id, "%s", "");
		return -ENOENT;
	}
	*ret_profile = profile_ref(recording->profile);
	return 0;
}

static uint64_t count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	uint64_t n = 0;

	while (directory && readdir(directory))
		n++;
	if (directory)
		closedir(directory);
	return n;
}

static void operation_status(void *userdata, struct daemon_status *ret_status)
{
	struct fake_manager *manager = userdata;
	uint64_t n = 0;

	list_for_each (&manager->recordings, link)
		n += !container_of(link, struct fake_recording, link)->profile;
	*ret_status = (struct daemon_status){
		.n_recordings = n,
		.n_objects = count_descriptors(),
		.n_wanted = manager->n_abandoned,
		.n_named = manager->n_stopped,
		.kernel_ns_per_sample = -1,
		.event = "cpu-clock",
		.mappings = "mirror",
	};
}

/* Nothing is kept here. */
static int fake_query(void *manager, const struct access_caller *caller,
	const struct query_request *request, struct query_observer *observer,
	struct failure *ret_failure)
{
	failure_set(ret_failure, FAILURE_NOT_SUPPORTED, "continuous profiles", "it is not enabled");
	return -EOPNOTSUPP;
}

static void fake_abandon_query(void *manager, struct query_observer *observer)
{
}

static int fake_examine(void *manager, const struct access_caller *caller, uint32_t pid,
	struct examination_observer *observer, struct failure *ret_failure)
{
	if (pid == FAKE_PID_NOT_PERMITTED)
		failure_set(ret_failure, FAILURE_NOT_PERMITTED, "", "it is another user's");
	else
		failure_set(ret_failure, FAILURE_NO_SUCH_TARGET, "pid", "there is none");
	return -ESRCH;
}

static void fake_abandon_examination(void *manager, struct examination_observer *observer)
{
}

const struct server_operations fake_operations = {
	.query = fake_query,
	.abandon_query = fake_abandon_query,
	.examine = fake_examine,
	.abandon_examination = fake_abandon_examination,
	.record = operation_record,
	.abandon = operation_abandon,
	.stop = operation_stop,
	.state = operation_state,
	.list = operation_list,
	.find_profile = operation_find_profile,
	.status = operation_status,
};

struct fake_manager *fake_manager_new(struct loop *loop)
{
	struct fake_manager *manager = calloc(1, sizeof(*manager));

	if (!manager)
		return NULL;
	manager->loop = loop;
	list_init(&manager->recordings);
	return manager;
}

struct fake_manager *fake_manager_free(struct fake_manager *manager)
{
	if (!manager)
		return NULL;
	list_for_each (&manager->recordings, link)
		recording_free(container_of(link, struct fake_recording, link));
	free(manager);
	return NULL;
}
