/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Query: a profile out of the continuous store, which answers in its own time and is sent in pieces. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "daemon/server/pieces.h"
#include "daemon/server/request.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

struct query_parameters {
	uint64_t since_ms, until_ms;
	struct query_request request;
};

static const struct field parameter_fields[] = {
	{FIELD_AS("sinceMs", struct query_parameters, since_ms, FIELD_U64), .is_required = true},
	{FIELD_AS("untilMs", struct query_parameters, until_ms, FIELD_U64), .is_required = true},
	{FIELD_AS("pid", struct query_parameters, request.pid, FIELD_U32)},
	{FIELD_AS("comm", struct query_parameters, request.comm, FIELD_TEXT)},
	{FIELD_AS("unit", struct query_parameters, request.unit, FIELD_TEXT)},
	{FIELD_AS("container", struct query_parameters, request.container, FIELD_TEXT)},
	{FIELD_AS("event", struct query_parameters, request.event, FIELD_TEXT)},
	{FIELD_AS("parts", struct query_parameters, request.n_parts, FIELD_U32)},
	{},
};

/* A call under way. While is_watching, the manager knows our observer. */
struct query {
	struct query_observer observer;
	struct pieces pieces;
	struct request *request;
	bool is_watching;
};

static void on_answer(
	struct query_observer *observer, struct buffer *bytes, const struct failure *failure)
{
	struct query *query = container_of(observer, struct query, observer);

	query->is_watching = false;
	if (!bytes) {
		request_fail(query->request, failure);
		return;
	}
	query->pieces.bytes = *bytes;
	*bytes = (struct buffer){0};
	request_wake(query->request);
}

static bool read_parameters(struct request *request, struct query_parameters *parameters)
{
	if (!request_read(request, parameter_fields, parameters))
		return false;
	if (parameters->since_ms > INT64_MAX / NS_PER_MS) {
		request_invalid(request, "sinceMs");
		return false;
	}
	if (parameters->until_ms > INT64_MAX / NS_PER_MS) {
		request_invalid(request, "untilMs");
		return false;
	}
	if (parameters->request.n_parts > PROFILE_RUNS_MAX) {
		request_invalid(request, "parts");
		return false;
	}
	parameters->request.since_ns = parameters->since_ms * NS_PER_MS;
	parameters->request.until_ns = parameters->until_ms * NS_PER_MS;
	return true;
}

static void start(struct request *request)
{
	const struct server_context *context = request->context;
	struct query_parameters parameters = {};
	struct failure failure = {};
	struct query *query;

	if (!read_parameters(request, &parameters))
		return;
	if (request_count(request, &method_query, &method_query) > LIMIT_QUERIES_PER_UID) {
		failure_set(&failure, FAILURE_RESOURCE_LIMIT, "queries of one user", "%s", "");
		failure.limit = LIMIT_QUERIES_PER_UID;
		request_fail(request, &failure);
		return;
	}
	query = calloc(1, sizeof(*query));
	if (!query) {
		pieces_fail(request, -ENOMEM);
		return;
	}
	query->request = request;
	query->observer.on_answer = on_answer;
	request->state = query;
	request->is_waiting = true;
	if (context->operations->query(context->manager, request->caller, &parameters.request,
		    &query->observer, &failure) < 0)
		request_fail(request, &failure);
	else
		query->is_watching = true;
}

static void resume(struct request *request)
{
	struct query *query = request->state;

	pieces_give_data(request, &query->pieces);
}

static void end(struct request *request)
{
	struct query *query = request->state;

	if (!query)
		return;
	if (query->is_watching)
		request->context->operations->abandon_query(
			request->context->manager, &query->observer);
	pieces_done(&query->pieces);
	free(query);
}

const struct method method_query = {
	.name = CALL_INTERFACE ".Query",
	.needs_more = true,
	.start = start,
	.resume = resume,
	.end = end,
};
