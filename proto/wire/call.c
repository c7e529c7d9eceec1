/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is a call, what is none. A message that breaks a rule of the envelope has no reply: the
 * connection ends. What is wrong inside `parameters` is the method's to answer, so an integer that
 * jansson cannot hold (beyond 64 bits) is read again as a float and marked, rather than costing the
 * client its connection.
 */

#include "proto/wire/call.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "proto/base/cleanup.h"

/* The members of an envelope; what is NULL afterwards was absent (or null). */
struct member {
	const char *key;
	json_t *value;
};

/* Members with a dot are extensions of some vendor's. */
static bool read_members(json_t *message, struct member *members, size_t n)
{
	const char *key;
	json_t *value;

	json_object_foreach(message, key, value)
	{
		size_t i = 0;

		if (strchr(key, '.'))
			continue;
		while (i < n && strcmp(members[i].key, key))
			i++;
		if (i == n)
			return false;
		members[i].value = json_is_null(value) ? NULL : value;
	}
	return true;
}

/* Sees to it that a message has parameters, and gives them. NULL: malformed. */
static json_t *parameters_of(json_t *message, json_t *parameters, bool *ret_no_memory)
{
	if (parameters)
		return json_is_object(parameters) ? parameters : NULL;
	parameters = json_object();
	if (json_object_set_new(message, "parameters", parameters))
		*ret_no_memory = true;
	return *ret_no_memory ? NULL : parameters;
}

/* An absent flag is false. Counts the true ones. */
static bool read_flag(const json_t *value, enum call_mode mode, enum call_mode *mode_out, int *n)
{
	if (!value)
		return true;
	if (!json_is_boolean(value))
		return false;
	if (json_is_true(value)) {
		*mode_out = mode;
		(*n)++;
	}
	return true;
}

static int load(const char *text, size_t size, json_t **ret_message, bool *ret_overflow)
{
	json_error_t error;
	json_t *message = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

	if (!message && json_error_code(&error) == json_error_numeric_overflow) {
		message = json_loadb(
			text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
		*ret_overflow = message;
	}
	if (!message)
		return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM
									   : CALL_MALFORMED;
	if (!json_is_object(message)) {
		json_decref(message);
		return CALL_MALFORMED;
	}
	*ret_message = message;
	return 0;
}

int call_parse(const char *text, size_t size, struct call *ret_call)
{
	struct member members[] = {{"method"}, {"parameters"}, {"oneway"}, {"more"}, {"upgrade"}};
	CLEANUP(call_done) struct call call = {};
	bool no_memory = false;
	int n_flags = 0, r;

	r = load(text, size, &call.message, &call.has_overflow);
	if (r)
		return r;
	if (!read_members(call.message, members, ARRAY_SIZE(members)))
		return CALL_MALFORMED;
	call.method = json_string_value(members[0].value);
	if (!call.method)
		return CALL_MALFORMED;
	if (!read_flag(members[2].value, CALL_ONEWAY, &call.mode, &n_flags) ||
		!read_flag(members[3].value, CALL_MORE, &call.mode, &n_flags) ||
		!read_flag(members[4].value, CALL_UPGRADE, &call.mode, &n_flags) || n_flags > 1)
		return CALL_MALFORMED;
	call.parameters = parameters_of(call.message, members[1].value, &no_memory);
	if (!call.parameters)
		return no_memory ? -ENOMEM : CALL_MALFORMED;
	*ret_call = call;
	call = (struct call){};
	return 0;
}

void call_done(struct call *call)
{
	json_decref(call->message);
	*call = (struct call){};
}

int reply_parse(const char *text, size_t size, struct reply *ret_reply)
{
	struct member members[] = {{"parameters"}, {"continues"}, {"error"}};
	CLEANUP(reply_done) struct reply reply = {};
	bool no_memory = false;
	int r;

	r = load(text, size, &reply.message, &(bool){false});
	if (r)
		return r;
	if (!read_members(reply.message, members, ARRAY_SIZE(members)))
		return CALL_MALFORMED;
	if (members[1].value && !json_is_boolean(members[1].value))
		return CALL_MALFORMED;
	reply.continues = json_is_true(members[1].value);
	reply.error = json_string_value(members[2].value);
	if (members[2].value && (!reply.error || reply.continues))
		return CALL_MALFORMED;
	reply.parameters = parameters_of(reply.message, members[0].value, &no_memory);
	if (!reply.parameters)
		return no_memory ? -ENOMEM : CALL_MALFORMED;
	*ret_reply = reply;
	reply = (struct reply){};
	return 0;
}

void reply_done(struct reply *reply)
{
	json_decref(reply->message);
	*reply = (struct reply){};
}

static int append(const char *bytes, size_t n, void *userdata)
{
	struct buffer *buffer = userdata;

	buffer_append(buffer, bytes, n);
	return buffer_error(buffer) ? -1 : 0;
}

/* Texts of ours: names and keys, never in need of escapes. */
static void append_name(struct buffer *buffer, const char *key, const char *name)
{
	buffer_append_char(buffer, '"');
	buffer_append_text(buffer, key);
	buffer_append_text(buffer, "\":\"");
	buffer_append_text(buffer, name);
	buffer_append_char(buffer, '"');
}

/* Ends the object that was begun; consumes parameters. */
static int finish(struct buffer *buffer, json_t *parameters, const char *flag)
{
	bool is_first = buffer->data && buffer->size && buffer->data[buffer->size - 1] == '{';

	if (json_object_size(parameters)) {
		buffer_append_text(buffer, is_first ? "\"parameters\":" : ",\"parameters\":");
		is_first = false;
		if (json_dump_callback(parameters, append, buffer, JSON_COMPACT) && !buffer->error)
			buffer->error = -ENOMEM;
	}
	json_decref(parameters);
	if (flag) {
		buffer_append_text(buffer, is_first ? "\"" : ",\"");
		buffer_append_text(buffer, flag);
		buffer_append_text(buffer, "\":true");
	}
	buffer_append_char(buffer, '}');
	return buffer_error(buffer);
}

int call_format(struct buffer *buffer, const char *method, json_t *parameters, enum call_mode mode)
{
	static const char *const flags[] = {
		[CALL_ONEWAY] = "oneway", [CALL_MORE] = "more", [CALL_UPGRADE] = "upgrade"};

	buffer_append_char(buffer, '{');
	append_name(buffer, "method", method);
	return finish(buffer, parameters, mode == CALL_SINGLE ? NULL : flags[mode]);
}

int reply_format(struct buffer *buffer, const char *error, json_t *parameters, bool continues)
{
	buffer_append_char(buffer, '{');
	if (error)
		append_name(buffer, "error", error);
	return finish(buffer, parameters, continues && !error ? "continues" : NULL);
}
