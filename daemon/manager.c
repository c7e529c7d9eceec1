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
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/aim.h"
#include "daemon/base/limits.h"
#include "daemon/examination.h"
#include "daemon/recording.h"
#include "daemon/target/credentials.h"
#include "daemon/target/targets.h"
#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

struct manager {
	struct loop *loop;
	struct pipeline *pipeline;
	struct continuous *continuous;
	struct list recordings; /* recording.link */
	struct list examinations; /* examined.link */
	size_t n_examinations;
	uint64_t start_ns, last_id;
};

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

int manager_new(struct loop *loop, struct pipeline *pipeline, struct continuous *continuous,
	struct manager **ret_manager)
{
	struct manager *manager = calloc(1, sizeof(*manager));

	if (!manager)
		return -ENOMEM;
	manager->loop = loop;
	manager->pipeline = pipeline;
	manager->continuous = continuous;
	manager->start_ns = time_now_ns(CLOCK_MONOTONIC);
	list_init(&manager->recordings);
	list_init(&manager->examinations);
	*ret_manager = manager;
	return 0;
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
static size_t count(struct manager *manager, bool is_finished, const uid_t *uid)
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

static void drop_oldest(struct manager *manager, const uid_t *uid)
{
	list_for_each (&manager->recordings, link) {
		struct recording *recording = recording_of(link);

		if (recording->pipeline || recording->n_observers ||
			(uid && recording->owner.uid != *uid))
			continue;
		recording_free(recording);
		return;
	}
}

static int unsupported(
	struct failure *ret_failure, const char *what, const char *value, const char *why)
{
	char feature[64];

	snprintf(feature, sizeof(feature), "%s %s", what, value);
	failure_set(ret_failure, FAILURE_NOT_SUPPORTED, feature, "%s", why);
	return -EOPNOTSUPP;
}

static int limit(struct failure *ret_failure, const char *what, uint64_t value)
{
	failure_set(ret_failure, FAILURE_RESOURCE_LIMIT, what, "at most %" PRIu64, value);
	ret_failure->limit = value;
	return -EDQUOT;
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
	if (selector_size(&request->selector) > LIMIT_NAMED)
		return limit(ret_failure, "targets of a kind in one recording", LIMIT_NAMED);
	if (!(request->frequency_hz > 0 && request->frequency_hz <= LIMIT_FREQUENCY_HZ))
		return limit(ret_failure, "frequency (Hz)", LIMIT_FREQUENCY_HZ);
	if (request->duration_ns / NS_PER_SECOND > LIMIT_DURATION_SECONDS)
		return limit(ret_failure, "duration (seconds)", LIMIT_DURATION_SECONDS);
	if (count(manager, false, NULL) >= LIMIT_RECORDINGS)
		return limit(ret_failure, "recordings under way", LIMIT_RECORDINGS);
	if (!caller->is_admin && count(manager, false, &caller->uid) >= LIMIT_RECORDINGS_PER_UID)
		return limit(
			ret_failure, "recordings of one user under way", LIMIT_RECORDINGS_PER_UID);
	return 0;
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
	if (count(manager, true, &caller->uid) >= LIMIT_PROFILES_PER_UID)
		drop_oldest(manager, &caller->uid);
	if (count(manager, true, NULL) >= LIMIT_PROFILES)
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
		return limit(ret_failure, "clients waiting for one recording", LIMIT_OBSERVERS);
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
			n > LIMIT_RECORDINGS + LIMIT_PROFILES)
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
	*ret_profile = profile_ref(recording->profile);
	return 0;
}

static uint64_t resident_bytes(void)
{
	CLEANUP(freep) char *text = NULL;
	unsigned long long pages = 0;

	if (text_read_file(-1, "/proc/self/statm", 256, &text, NULL) == 0)
		sscanf(text, "%*u %llu", &pages);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void store_figures(struct manager *manager, struct daemon_status *status)
{
	struct store_link *store = continuous_store(manager->continuous);
	struct store_status s = {0};

	if (store)
		store_link_status(store, &s);
	status->is_continuous = continuous_is_recording(manager->continuous);
	status->store_state = store_state_word(s.state);
	status->n_windows_stored = s.n_stored;
	status->n_windows_waiting = s.n_waiting;
	status->n_windows_dropped = s.n_dropped;
	status->n_store_restarts = s.n_restarts;
	status->n_stores_set_aside = s.n_set_aside;
	status->store_bytes = s.bytes;
	status->store_windows = s.n_windows;
	status->store_oldest_ns = s.oldest_ns;
	status->store_newest_ns = s.newest_ns;
}

static void operation_status(void *userdata, struct daemon_status *ret_status)
{
	struct manager *manager = userdata;
	struct pipeline_statistics p;

	pipeline_statistics(manager->pipeline, &p);
	*ret_status = (struct daemon_status){
		.uptime_ns = time_now_ns(CLOCK_MONOTONIC) - manager->start_ns,
		.n_recordings = count(manager, false, NULL),
		.n_profiles = count(manager, true, NULL),
		.n_taken = p.n_taken,
		.n_lost = p.n_lost,
		.n_missed = p.n_missed,
		.n_objects = p.n_objects,
		.cpu_ns = time_now_ns(CLOCK_PROCESS_CPUTIME_ID),
		.resident_bytes = resident_bytes(),
		.n_workers = p.n_workers,
		.n_worker_restarts = p.n_worker_restarts,
		.n_wanted = p.n_wanted,
		.n_named = p.n_named,
		.n_tables = p.tables.n_tables,
		.table_rows = p.tables.n_rows,
		.table_bytes = p.tables.bytes,
		.n_tables_shared = p.tables.n_shared,
		.n_tables_compiled = p.tables.n_compiled,
		.n_tables_failed = p.tables.n_failed,
		.n_tables_refused = p.tables.n_refused,
		.n_tables_dropped = p.n_tables_dropped,
		.n_cache_hits = p.tables.n_cache_hits,
		.n_cache_bad = p.tables.n_cache_bad,
		.cache_bytes = p.tables.cache_bytes,
		.kernel_ns_per_sample = p.kernel_ns_per_sample,
		.event = p.event,
		.mappings = p.mappings,
	};
	store_figures(manager, ret_status);
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
		return limit(ret_failure, "examinations under way", LIMIT_EXAMINATIONS);
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

/* The observer's userdata is all that is needed: it is told, or abandoned. */
static void on_query_answer(void *userdata, struct buffer *bytes, int error, const char *why)
{
	struct query_observer *observer = userdata;
	struct failure failure = {0};

	if (error == -ENOENT)
		failure_set(&failure, FAILURE_NO_SUCH_TARGET, "store",
			"nothing was recorded in that time");
	else if (!bytes)
		failure_set(&failure, FAILURE_FAILED, "store", "%s", why);
	observer->on_answer(observer, bytes, &failure);
}

static int query_make(const struct access_caller *caller, const struct query_request *request,
	struct store_query *query)
{
	const struct {
		const char *from;
		char *to;
		size_t size;
	} texts[] = {{request->comm, query->comm, sizeof(query->comm)},
		{request->unit, query->unit, sizeof(query->unit)},
		{request->container, query->container, sizeof(query->container)},
		{request->event, query->event, sizeof(query->event)}};

	query->since_ns = request->since_ns;
	query->until_ns = request->until_ns;
	query->pid = request->pid;
	query->uid = caller->uid;
	query->is_admin = caller->is_admin;
	query->sees_kernel = access_sees_kernel(caller, recording_perf_event_paranoid());
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (texts[i].from && strlen(texts[i].from) >= texts[i].size)
			return -ENAMETOOLONG;
		snprintf(texts[i].to, texts[i].size, "%s", texts[i].from ? texts[i].from : "");
	}
	return 0;
}

static int operation_query(void *userdata, const struct access_caller *caller,
	const struct query_request *request, struct query_observer *observer,
	struct failure *ret_failure)
{
	struct manager *manager = userdata;
	struct store_link *store = continuous_store(manager->continuous);
	struct store_query query = {0};
	int r = store ? query_make(caller, request, &query) : -EOPNOTSUPP;

	if (!store) {
		failure_set(ret_failure, FAILURE_NOT_SUPPORTED, "continuous profiles",
			"it is not enabled; set 'enabled = yes' in section [continuous] of "
			"perfd.conf");
		return r;
	}
	if (!r)
		r = store_link_ask(store, &query, on_query_answer, observer);
	if (r == -EBUSY)
		return limit(ret_failure, "queries under way", LIMIT_QUERIES);
	if (r < 0)
		failure_set(ret_failure, FAILURE_FAILED, "query", "%s", strerror(-r));
	return r;
}

static void operation_abandon_query(void *userdata, struct query_observer *observer)
{
	struct manager *manager = userdata;
	struct store_link *store = continuous_store(manager->continuous);

	if (store)
		store_link_abandon(store, observer);
}

const struct server_operations manager_operations = {
	.query = operation_query,
	.abandon_query = operation_abandon_query,
	.examine = operation_examine,
	.abandon_examination = operation_abandon_examination,
	.record = operation_record,
	.abandon = operation_abandon,
	.stop = operation_stop,
	.state = operation_state,
	.list = operation_list,
	.find_profile = operation_find_profile,
	.status = operation_status,
};
