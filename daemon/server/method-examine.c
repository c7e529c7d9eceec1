/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Examine: what would name the code of a process; the answer comes when all of it was looked at. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/server/request.h"
#include "proto/base/cleanup.h"

struct examine_parameters {
	uint32_t pid;
};

static const struct field parameter_fields[] = {
	{FIELD(struct examine_parameters, pid, FIELD_U32), .is_required = true},
	{},
};

static const struct field object_fields[] = {
	{FIELD_AS("symtab", struct examined_object, has_symtab, FIELD_BOOL)},
	{FIELD_AS("dynsym", struct examined_object, has_dynsym, FIELD_BOOL)},
	{FIELD_AS("dwarf", struct examined_object, has_dwarf, FIELD_BOOL)},
	{FIELD_AS("debugFile", struct examined_object, has_debug_file, FIELD_BOOL)},
	{FIELD_AS("dwzFileMissing", struct examined_object, lacks_dwz_file, FIELD_BOOL)},
	{FIELD_AS("unwindTable", struct examined_object, has_table, FIELD_BOOL)},
	{FIELD_AS("path", struct examined_object, path_text, FIELD_TEXT)},
	{FIELD(struct examined_object, why, FIELD_TEXT)},
	{},
};

static const struct field reply_fields[] = {
	{FIELD(struct examined_process, objects, FIELD_OBJECTS),
		.n_offset = offsetof(struct examined_process, n),
		.item_size = sizeof(struct examined_object), .fields = object_fields},
	{FIELD_AS("code", struct examined_process, has_code, FIELD_BOOL)},
	{FIELD_AS("codeTold", struct examined_process, is_code_told, FIELD_BOOL)},
	{FIELD(struct examined_process, why, FIELD_TEXT)},
	{},
};

/* A call under way. While is_watching, the manager knows our observer. */
struct examine {
	struct examination_observer observer;
	struct request *request;
	bool is_watching;
};

static void on_examined(
	struct examination_observer *observer, const struct examined_process *process)
{
	struct examine *examine = container_of(observer, struct examine, observer);

	examine->is_watching = false;
	for (size_t i = 0; i < process->n; i++)
		process->objects[i].path_text = process->objects[i].path;
	request_reply(examine->request, reply_fields, process);
}

static void start(struct request *request)
{
	const struct server_context *context = request->context;
	struct examine_parameters parameters;
	struct failure failure = {};
	struct examine *examine;

	if (!request_read(request, parameter_fields, &parameters))
		return;
	if (request->is_foreign_pid_namespace) {
		failure_set(&failure, FAILURE_NOT_SUPPORTED, "pids of another pid namespace",
			"run perfctl on the host");
		request_fail(request, &failure);
		return;
	}
	examine = calloc(1, sizeof(*examine));
	if (!examine) {
		failure_set(&failure, FAILURE_FAILED, "examining", "%s", strerror(ENOMEM));
		request_fail(request, &failure);
		return;
	}
	examine->request = request;
	examine->observer.on_examined = on_examined;
	request->state = examine;
	if (context->operations->examine(context->manager, request->caller, parameters.pid,
		    &examine->observer, &failure) < 0)
		request_fail(request, &failure);
	else
		examine->is_watching = true;
}

static void end(struct request *request)
{
	struct examine *examine = request->state;

	if (examine && examine->is_watching)
		request->context->operations->abandon_examination(
			request->context->manager, &examine->observer);
	free(examine);
}

const struct method method_examine = {
	.name = CALL_INTERFACE ".Examine",
	.start = start,
	.end = end,
};
