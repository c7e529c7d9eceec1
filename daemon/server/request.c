/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Replies on their way out. A reply that cannot be sent whole (it passes the limit of unsent output)
 * becomes the error ResourceLimit; one for which there is no memory costs the connection. Both end
 * the call, so a method that gave its reply need not ask what became of it.
 */

#include "daemon/server/request.h"

#include <errno.h>

#include "daemon/server/connection.h"
#include "proto/base/cleanup.h"

/* 0, or a negative errno: see connection_send. */
static int send_reply(
	struct request *request, const char *error, const struct field *fields, const void *source)
{
	CLEANUP(buffer_done) struct buffer text = {};
	struct json_t *parameters = fields ? fields_encode(fields, source) : NULL;
	int r;

	if (fields && !parameters)
		return -ENOMEM;
	r = reply_format(&text, error, parameters, !error && !request->is_finished);
	if (r < 0)
		return r;
	return connection_send(request->connection, text.data, text.size);
}

static void give(
	struct request *request, const char *error, const struct field *fields, const void *source)
{
	struct failure too_large;
	int r = 0;

	if (request->call.mode != CALL_ONEWAY)
		r = send_reply(request, error, fields, source);
	if (r == -ENOBUFS && !error) {
		failure_set(&too_large, FAILURE_RESOURCE_LIMIT, "bytes of one reply", "%s", "");
		too_large.limit = FRAME_UNSENT_MAX;
		request->is_finished = false;
		request_fail(request, &too_large);
	} else if (r < 0) {
		request->is_finished = true;
		connection_break(request->connection);
	}
}

void request_reply(struct request *request, const struct field *fields, const void *source)
{
	if (request->is_finished)
		return;
	request->is_finished = true;
	give(request, NULL, fields, source);
	connection_wake(request->connection);
}

void request_continue(struct request *request, const struct field *fields, const void *source)
{
	if (!request->is_finished && request->call.mode == CALL_MORE)
		give(request, NULL, fields, source);
}

void request_error(
	struct request *request, const char *error, const struct field *fields, const void *source)
{
	if (request->is_finished)
		return;
	request->is_finished = true;
	give(request, error, fields, source);
	connection_wake(request->connection);
}

struct parameter_name {
	const char *name;
};

void request_invalid(struct request *request, const char *parameter)
{
	static const struct field fields[] = {
		{FIELD_AS("parameter", struct parameter_name, name, FIELD_TEXT)}, {}};
	struct parameter_name reply = {parameter};

	request_error(request, CALL_SERVICE ".InvalidParameter", fields, &reply);
}

void request_not_implemented(struct request *request)
{
	static const struct field fields[] = {
		{FIELD_AS("method", struct parameter_name, name, FIELD_TEXT)}, {}};
	struct parameter_name reply = {request->method->name};

	request_error(request, CALL_SERVICE ".MethodNotImplemented", fields, &reply);
}

bool request_read(struct request *request, const struct field *fields, void *target)
{
	struct fields_invalid invalid;
	int r = fields_decode(fields, request->call.parameters, FIELDS_STRICT, target, &invalid);

	if (r == 0)
		return true;
	if (r == FIELDS_INVALID) {
		request_invalid(request, invalid.name);
		return false;
	}
	request->is_finished = true;
	connection_break(request->connection);
	return false;
}

bool request_is_behind(const struct request *request)
{
	return connection_is_full(request->connection);
}

size_t request_count(
	const struct request *request, const struct method *method, const struct method *other)
{
	return server_count_requests(
		request->context->server, &request->caller->uid, method, other);
}

size_t request_count_all(
	const struct request *request, const struct method *method, const struct method *other)
{
	return server_count_requests(request->context->server, NULL, method, other);
}

void request_wake(struct request *request)
{
	request->is_waiting = false;
	connection_wake(request->connection);
}
