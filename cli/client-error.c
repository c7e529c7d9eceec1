/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The daemon's errors in words. One row per error: how its sentence is made of its parameters
 * ("%{name}" stands for a parameter), and which exit code it means. Parameters can hold what a
 * target chose, and the sentence goes to a terminal: it is sanitized as a whole.
 */

#include "cli/client-error.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"
#include "proto/wire/call.h"

static const struct {
	const char *name, *text;
	enum client_exit exit_code;
} rows[] = {
	{CALL_INTERFACE ".NotPermitted", "%{rule}", CLIENT_EXIT_NOT_PERMITTED},
	{CALL_INTERFACE ".NoSuchTarget", "%{target}: %{why}", CLIENT_EXIT_NO_TARGET},
	{CALL_INTERFACE ".NoSuchRecording", "there is no recording '%{recording}' of yours",
		CLIENT_EXIT_FAILED},
	{CALL_INTERFACE ".NoSuchProfile",
		"there is no profile '%{profile}' of yours (the daemon keeps only the latest)",
		CLIENT_EXIT_FAILED},
	{CALL_INTERFACE ".ResourceLimit",
		"the daemon's limit is reached: %{what}, at most %{limit}", CLIENT_EXIT_FAILED},
	{CALL_INTERFACE ".NotSupported", "the daemon cannot do this here: %{feature}: %{why}",
		CLIENT_EXIT_FAILED},
	{CALL_INTERFACE ".Failed", "%{what}: %{why}", CLIENT_EXIT_FAILED},
	{CALL_SERVICE ".PermissionDenied", "permission denied", CLIENT_EXIT_NOT_PERMITTED},
	{CALL_SERVICE ".InvalidParameter", "the daemon does not accept the value of '%{parameter}'",
		CLIENT_EXIT_FAILED},
	{CALL_SERVICE ".MethodNotFound", "the daemon is older than perfctl: it has no %{method}",
		CLIENT_EXIT_FAILED},
	{CALL_SERVICE ".InterfaceNotFound", "what answers is not perfd: it has no %{interface}",
		CLIENT_EXIT_UNREACHABLE},
};

/* The value of "NAME}..." among the parameters. */
static void append_parameter(struct buffer *text, json_t *parameters, const char *name, size_t n)
{
	char key[32] = "";
	json_t *value;

	if (n < sizeof(key))
		memcpy(key, name, n);
	value = json_object_get(parameters, key);
	if (json_is_string(value))
		buffer_append(text, json_string_value(value), json_string_length(value));
	else if (json_is_integer(value))
		buffer_printf(text, "%lld", (long long)json_integer_value(value));
}

static void expand(struct buffer *text, const char *format, json_t *parameters)
{
	for (;;) {
		const char *start = strstr(format, "%{");
		const char *end = start ? strchr(start, '}') : NULL;

		if (!end)
			break;
		buffer_append(text, format, (size_t)(start - format));
		append_parameter(text, parameters, start + 2, (size_t)(end - start) - 2);
		format = end + 1;
	}
	buffer_append_text(text, format);
}

void client_error_decode(struct client_error *error, const char *name, json_t *parameters)
{
	CLEANUP(buffer_done) struct buffer text = {};
	size_t n;

	*error = (struct client_error){.exit_code = CLIENT_EXIT_FAILED};
	snprintf(error->name, sizeof(error->name), "%s", name);
	error->pid = (uint32_t)json_integer_value(json_object_get(parameters, "pid"));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].name, name))
			continue;
		error->exit_code = rows[i].exit_code;
		expand(&text, rows[i].text, parameters);
	}
	if (!text.size)
		buffer_printf(&text, "the daemon says %s", name);
	if (!text.data)
		return;
	n = text.size < sizeof(error->text) ? text.size : sizeof(error->text) - 1;
	memcpy(error->text, text.data, n);
	error->text[utf8_sanitize(error->text, n)] = '\0';
}
