/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Why an operation did not happen: filled in by the manager, sent as an error of the interface. One
 * row per kind; each table of fields picks what that error has. */

#include <stdarg.h>
#include <stdio.h>

#include "daemon/server/request.h"

void failure_set(
	struct failure *failure, enum failure_kind kind, const char *what, const char *format, ...)
{
	va_list args;

	*failure = (struct failure){.kind = kind};
	snprintf(failure->what, sizeof(failure->what), "%s", what ? what : "");
	va_start(args, format);
	vsnprintf(failure->text, sizeof(failure->text), format, args);
	va_end(args);
}

/* What is sent, with the names that the wire has for it. */
struct failure_reply {
	bool has_pid;
	uint32_t pid;
	uint64_t limit;
	const char *what, *text;
};

#define OPTIONAL_PID                                                                               \
	{                                                                                          \
		FIELD(struct failure_reply, pid, FIELD_U32),                                       \
			.has_offset = offsetof(struct failure_reply, has_pid)                      \
	}
#define WHAT(name)                                                                                 \
	{                                                                                          \
		FIELD_AS(name, struct failure_reply, what, FIELD_TEXT)                             \
	}
#define WHY(name)                                                                                  \
	{                                                                                          \
		FIELD_AS(name, struct failure_reply, text, FIELD_TEXT)                             \
	}

static const struct field not_permitted_fields[] = {OPTIONAL_PID, WHY("rule"), {}};
static const struct field no_such_target_fields[] = {WHAT("target"), WHY("why"), {}};
static const struct field no_such_recording_fields[] = {WHAT("recording"), {}};
static const struct field no_such_profile_fields[] = {WHAT("profile"), {}};
static const struct field resource_limit_fields[] = {
	WHAT("what"), {FIELD(struct failure_reply, limit, FIELD_U64)}, {}};
static const struct field not_supported_fields[] = {WHAT("feature"), WHY("why"), {}};
static const struct field failed_fields[] = {WHAT("what"), WHY("why"), {}};

static const struct {
	const char *error;
	const struct field *fields;
} errors[] = {
	[FAILURE_NONE] = {CALL_INTERFACE ".Failed", failed_fields},
	[FAILURE_NOT_PERMITTED] = {CALL_INTERFACE ".NotPermitted", not_permitted_fields},
	[FAILURE_NO_SUCH_TARGET] = {CALL_INTERFACE ".NoSuchTarget", no_such_target_fields},
	[FAILURE_NO_SUCH_RECORDING] = {CALL_INTERFACE ".NoSuchRecording", no_such_recording_fields},
	[FAILURE_NO_SUCH_PROFILE] = {CALL_INTERFACE ".NoSuchProfile", no_such_profile_fields},
	[FAILURE_RESOURCE_LIMIT] = {CALL_INTERFACE ".ResourceLimit", resource_limit_fields},
	[FAILURE_NOT_SUPPORTED] = {CALL_INTERFACE ".NotSupported", not_supported_fields},
	[FAILURE_FAILED] = {CALL_INTERFACE ".Failed", failed_fields},
};

void request_fail(struct request *request, const struct failure *failure)
{
	struct failure_reply reply = {
		.has_pid = failure->pid,
		.pid = failure->pid,
		.limit = failure->limit,
		.what = failure->what,
		.text = failure->text,
	};

	request_error(request, errors[failure->kind].error, errors[failure->kind].fields, &reply);
}
