/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Stop: ends a recording, and waits with the answer until its profile is ready. The client that
 * made the recording is told by its own call. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/server/request.h"
#include "proto/base/cleanup.h"

struct stop_parameters {
	const char *recording;
};

static const struct field parameter_fields[] = {
	{FIELD(struct stop_parameters, recording, FIELD_TEXT), .is_required = true},
	{},
};

struct stop_reply {
	const char *profile;
};

static const struct field reply_fields[] = {
	{FIELD(struct stop_reply, profile, FIELD_TEXT)},
	{},
};

/* A call under way. While is_watching, the manager knows our observer. */
struct stop {
	struct recording_observer observer;
	struct request *request;
	bool is_watching;
};

static void on_started(struct recording_observer *observer, const struct recording_state *state)
{
}

static void on_finished(struct recording_observer *observer, const struct recording_state *state,
	struct profile *profile)
{
	struct stop *stop = container_of(observer, struct stop, observer);
	struct stop_reply reply = {state->profile_id};

	stop->is_watching = false;
	request_reply(stop->request, reply_fields, &reply);
}

static void on_failed(struct recording_observer *observer, const struct failure *failure)
{
	struct stop *stop = container_of(observer, struct stop, observer);

	stop->is_watching = false;
	request_fail(stop->request, failure);
}

static void start(struct request *request)
{
	const struct server_context *context = request->context;
	struct stop_parameters parameters;
	struct failure failure = {};
	struct stop *stop;

	if (!request_read(request, parameter_fields, &parameters))
		return;
	stop = calloc(1, sizeof(*stop));
	if (!stop) {
		failure_set(&failure, FAILURE_FAILED, "stopping", "%s", strerror(ENOMEM));
		request_fail(request, &failure);
		return;
	}
	stop->request = request;
	stop->observer = (struct recording_observer){on_started, on_finished, on_failed};
	request->state = stop;
	if (context->operations->stop(context->manager, request->caller, parameters.recording,
		    &stop->observer, &failure) < 0)
		request_fail(request, &failure);
	else
		stop->is_watching = true;
}

static void end(struct request *request)
{
	struct stop *stop = request->state;

	if (stop && stop->is_watching)
		request->context->operations->abandon(request->context->manager, &stop->observer);
	free(stop);
}

const struct method method_stop = {
	.name = CALL_INTERFACE ".Stop",
	.start = start,
	.end = end,
};
