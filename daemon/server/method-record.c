/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Record: the one call that lasts. It watches a recording of the manager's, and says how far it is:
 * when it has started, every second or two, and at its end. When the client goes, the recording goes with
 * it, unless it is detached: then the call ends as soon as the recording has started.
 *
 * Invariant: while is_watching, the manager knows our observer, and end() takes it away.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/audit.h"
#include "daemon/server/replies.h"
#include "daemon/server/request.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

struct record_target {
	uint32_t *pids, *tids, *uids;
	const char **comms, **units, **cgroups, **containers;
	size_t n_pids, n_tids, n_uids, n_comms, n_units, n_cgroups, n_containers;
	bool is_all, has_children;
};

#define NAMES(member_, kind_)                                                                      \
	{                                                                                          \
		FIELD(struct record_target, member_, kind_),                                       \
			.n_offset = offsetof(struct record_target, n_##member_)                    \
	}

static const struct field target_fields[] = {
	NAMES(pids, FIELD_U32S),
	NAMES(tids, FIELD_U32S),
	NAMES(uids, FIELD_U32S),
	NAMES(comms, FIELD_TEXTS),
	NAMES(units, FIELD_TEXTS),
	NAMES(cgroups, FIELD_TEXTS),
	NAMES(containers, FIELD_TEXTS),
	{FIELD_AS("all", struct record_target, is_all, FIELD_BOOL)},
	{FIELD_AS("children", struct record_target, has_children, FIELD_BOOL)},
	{},
};

struct record_parameters {
	struct record_target target;
	const char *event, *call_graph, *per, *title;
	double frequency_hz;
	uint64_t duration_ms;
	bool has_duration, has_kernel, on_exec, is_detached;
};

static const struct field parameter_fields[] = {
	{FIELD(struct record_parameters, target, FIELD_OBJECT), .is_required = true,
		.fields = target_fields},
	{FIELD(struct record_parameters, event, FIELD_TEXT)},
	{FIELD_AS("frequency", struct record_parameters, frequency_hz, FIELD_DOUBLE)},
	{FIELD_AS("durationMs", struct record_parameters, duration_ms, FIELD_U64),
		.has_offset = offsetof(struct record_parameters, has_duration)},
	{FIELD_AS("callGraph", struct record_parameters, call_graph, FIELD_TEXT)},
	{FIELD_AS("kernel", struct record_parameters, has_kernel, FIELD_BOOL)},
	{FIELD_AS("onExec", struct record_parameters, on_exec, FIELD_BOOL)},
	{FIELD_AS("detach", struct record_parameters, is_detached, FIELD_BOOL)},
	{FIELD(struct record_parameters, per, FIELD_TEXT)},
	{FIELD(struct record_parameters, title, FIELD_TEXT)},
	{},
};

/* Preparing takes less than a second; who waits at a terminal wants to see that it goes on. */
#define PREPARING_INTERVAL_NS (100 * NS_PER_MS)

struct record_reply {
	const char *state, *recording, *profile, *event;
	uint64_t elapsed_ms, n_samples, n_lost, n_pending;
	bool has_ledger;
	struct ledger_reply ledger;
};

static const struct field reply_fields[] = {
	{FIELD(struct record_reply, state, FIELD_TEXT)},
	{FIELD(struct record_reply, recording, FIELD_TEXT)},
	{FIELD(struct record_reply, profile, FIELD_TEXT)},
	{FIELD_AS("elapsedMs", struct record_reply, elapsed_ms, FIELD_U64)},
	{FIELD_AS("samples", struct record_reply, n_samples, FIELD_U64)},
	{FIELD_AS("lost", struct record_reply, n_lost, FIELD_U64)},
	{FIELD_AS("pending", struct record_reply, n_pending, FIELD_U64)},
	{FIELD(struct record_reply, event, FIELD_TEXT)},
	{FIELD(struct record_reply, ledger, FIELD_OBJECT), .fields = ledger_fields,
		.has_offset = offsetof(struct record_reply, has_ledger)},
	{},
};

/* A call under way. */
struct record {
	struct recording_observer observer;
	struct request *request;
	struct loop_source *timer;
	char id[PROFILE_ID_MAX];
	bool is_watching, is_detached;
	bool has_started; /* and has been told so */
};

static void reply_init(struct record_reply *reply, const struct recording_state *state)
{
	*reply = (struct record_reply){
		.state = state->state,
		.recording = state->id,
		.profile = state->profile_id[0] ? state->profile_id : NULL,
		.event = state->event,
		.elapsed_ms = state->elapsed_ns / NS_PER_MS,
		.n_samples = state->n_samples,
		.n_lost = state->n_lost,
		.n_pending = state->n_pending,
	};
}

static void on_started(struct recording_observer *observer, const struct recording_state *state)
{
	struct record *record = container_of(observer, struct record, observer);
	struct record_reply reply;

	record->has_started = true;
	reply_init(&reply, state);
	if (record->is_detached)
		request_reply(record->request, reply_fields, &reply);
	else
		request_continue(record->request, reply_fields, &reply);
}

static void on_finished(struct recording_observer *observer, const struct recording_state *state,
	struct profile *profile)
{
	struct record *record = container_of(observer, struct record, observer);
	struct record_reply reply;

	record->is_watching = false;
	reply_init(&reply, state);
	reply.has_ledger = true;
	ledger_reply_init(&reply.ledger, profile);
	request_reply(record->request, reply_fields, &reply);
}

static void on_failed(struct recording_observer *observer, const struct failure *failure)
{
	struct record *record = container_of(observer, struct record, observer);

	record->is_watching = false;
	request_fail(record->request, failure);
}

static uint64_t progress_interval_ns(const struct record *record)
{
	uint64_t interval_ns = record->request->context->config.progress_interval_ns;

	return record->has_started || interval_ns < PREPARING_INTERVAL_NS ? interval_ns
									  : PREPARING_INTERVAL_NS;
}

/* Up to twice as late, if nothing else wakes us before: a wake-up is dear, and takes from the recorded. */
static int progress_later(struct record *record)
{
	uint64_t interval_ns = progress_interval_ns(record);
	int r = loop_source_set_slack(record->timer, interval_ns);

	return r < 0
		? r
		: loop_source_set_time(record->timer, time_now_ns(CLOCK_MONOTONIC) + interval_ns);
}

static int on_progress(void *userdata)
{
	struct record *record = userdata;
	const struct server_context *context = record->request->context;
	struct recording_state state;
	struct record_reply reply;

	progress_later(record);
	if (request_is_behind(record->request) ||
		!context->operations->state(
			context->manager, record->request->caller, record->id, &state))
		return 0;
	reply_init(&reply, &state);
	request_continue(record->request, reply_fields, &reply);
	return 0;
}

static struct selector selector_of(const struct record_target *target)
{
	return (struct selector){
		.pids = target->pids,
		.n_pids = target->n_pids,
		.tids = target->tids,
		.n_tids = target->n_tids,
		.uids = target->uids,
		.n_uids = target->n_uids,
		.comms = target->comms,
		.n_comms = target->n_comms,
		.units = target->units,
		.n_units = target->n_units,
		.cgroups = target->cgroups,
		.n_cgroups = target->n_cgroups,
		.containers = target->containers,
		.n_containers = target->n_containers,
		.is_all = target->is_all,
		.with_children = target->has_children,
	};
}

static bool are_ids(const uint32_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!ids[i] || ids[i] > INT32_MAX)
			return false;
	return true;
}

static bool are_texts(const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!*texts[i])
			return false;
	return true;
}

static const char *find_invalid_target(const struct selector *selector)
{
	const struct {
		const char *name;
		bool is_valid;
	} parts[] = {
		{"target.pids",
			selector_is_valid(selector) && are_ids(selector->pids, selector->n_pids)},
		{"target.tids", are_ids(selector->tids, selector->n_tids)},
		{"target.comms", are_texts(selector->comms, selector->n_comms)},
		{"target.units", are_texts(selector->units, selector->n_units)},
		{"target.cgroups", are_texts(selector->cgroups, selector->n_cgroups)},
		{"target.containers", are_texts(selector->containers, selector->n_containers)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!parts[i].is_valid)
			return parts[i].name;
	return NULL;
}

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(word, words[i]))
			return true;
	return false;
}

/* What is wrong with the values, as the name of a parameter; NULL: nothing. */
static const char *find_invalid(const struct record_parameters *parameters)
{
	static const char *const call_graphs[] = {"auto", "dwarf", "fp", "none"};
	static const char *const pers[] = {"thread", "process", "cpu"};
	struct selector selector = selector_of(&parameters->target);
	const char *invalid;

	if (!is_one_of(parameters->call_graph, call_graphs, ARRAY_SIZE(call_graphs)))
		return "callGraph";
	if (parameters->per && !is_one_of(parameters->per, pers, ARRAY_SIZE(pers)))
		return "per";
	invalid = find_invalid_target(&selector);
	if (invalid)
		return invalid;
	if (parameters->frequency_hz <= 0)
		return "frequency";
	if (parameters->has_duration &&
		(!parameters->duration_ms || parameters->duration_ms > UINT64_MAX / NS_PER_MS))
		return "durationMs";
	return NULL;
}

/* The state of a new call, owned by the request from here on. */
static struct record *record_new(struct request *request, bool is_detached)
{
	struct record *record = calloc(1, sizeof(*record));

	if (!record)
		return NULL;
	request->state = record;
	record->request = request;
	record->is_detached = is_detached;
	record->observer = (struct recording_observer){on_started, on_finished, on_failed};
	if (!is_detached &&
		(loop_add_timer(request->context->loop, UINT64_MAX / 2, on_progress, record,
			 &record->timer) ||
			progress_later(record)))
		return NULL;
	return record;
}

static void record_begin(struct request *request, const struct record_parameters *parameters)
{
	const struct server_context *context = request->context;
	struct record *record = record_new(request, parameters->is_detached);
	struct recording_request asked = {
		.selector = selector_of(&parameters->target),
		.with_kernel = parameters->has_kernel,
		.on_exec = parameters->on_exec,
		.is_detached = parameters->is_detached,
		.frequency_hz = parameters->frequency_hz,
		.duration_ns = parameters->duration_ms * NS_PER_MS,
		.event = parameters->event,
		.call_graph = parameters->call_graph,
		.per = parameters->per,
		.title = parameters->title,
	};
	struct failure failure = {};
	struct recording_state state;

	if (!record) {
		failure_set(&failure, FAILURE_FAILED, "recording", "%s", strerror(ENOMEM));
		request_fail(request, &failure);
		return;
	}
	if (context->operations->record(context->manager, request->caller, &asked,
		    &record->observer, &state, &failure) < 0) {
		request_fail(request, &failure);
		return;
	}
	record->is_watching = true;
	memcpy(record->id, state.id, sizeof(record->id));
	if (request->caller->is_admin)
		audit_line(request->caller->uid, LOG_LEVEL_INFO,
			"recording %s of %s, for uid %u, pid %d", state.id, state.target,
			request->caller->uid, (int)request->caller->pid);
}

static void start(struct request *request)
{
	struct record_parameters parameters = {
		.target.has_children = true,
		.has_kernel = true,
		.frequency_hz = 99,
		.event = "cpu",
		.call_graph = "auto",
	};
	struct failure failure;
	const char *invalid;

	if (!request_read(request, parameter_fields, &parameters))
		return;
	invalid = find_invalid(&parameters);
	if (invalid) {
		request_invalid(request, invalid);
	} else if (!parameters.is_detached && request->call.mode != CALL_MORE) {
		request_error(request, CALL_SERVICE ".ExpectedMore", NULL, NULL);
	} else if (request->is_foreign_pid_namespace) {
		failure_set(&failure, FAILURE_NOT_SUPPORTED, "pids of another pid namespace", "%s",
			"you run in a container, where pids are not those of the host; run perfctl "
			"on the host");
		request_fail(request, &failure);
	} else {
		record_begin(request, &parameters);
	}
	fields_done(parameter_fields, &parameters);
}

static void end(struct request *request)
{
	struct record *record = request->state;

	if (!record)
		return;
	if (record->is_watching)
		request->context->operations->abandon(request->context->manager, &record->observer);
	loop_source_free(record->timer);
	free(record);
}

const struct method method_record = {
	.name = CALL_INTERFACE ".Record",
	.start = start,
	.end = end,
};
