/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Calls and replies as UAPI.20 "Varlink IPC" defines them ("Wire Protocol"). JSON values are
 * jansson's json_t, named here as an incomplete type: most users need not look inside.
 */

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buffer.h"

struct json_t;

#define CALL_SERVICE "org.varlink.service"
#define CALL_INTERFACE "org.perfctl.profiler"

enum call_mode {
	CALL_SINGLE, /* one reply */
	CALL_ONEWAY, /* none, not even an error */
	CALL_MORE, /* a stream of replies is welcome */
	CALL_UPGRADE,
};

struct call {
	struct json_t *message; /* owned; what follows points into it */
	const char *method; /* "org.perfctl.profiler.Record" */
	struct json_t *parameters; /* an object; absent and null have become {} */
	enum call_mode mode;
	bool has_overflow; /* an integer beyond 64 bits: it became a float */
};

enum call_outcome {
	CALL_MALFORMED = 1, /* there is no reply to this: close the connection */
};

/* 0, CALL_MALFORMED, -ENOMEM. */
int call_parse(const char *text, size_t size, struct call *ret_call);
void call_done(struct call *call);

/* Appends the text of a call, without a NUL. Consumes parameters (may be NULL). 0 or -ENOMEM. */
int call_format(
	struct buffer *buffer, const char *method, struct json_t *parameters, enum call_mode mode);

struct reply {
	struct json_t *message; /* owned; what follows points into it */
	const char *error; /* full name, or NULL */
	struct json_t *parameters; /* an object */
	bool continues;
};

/* 0, CALL_MALFORMED, -ENOMEM. */
int reply_parse(const char *text, size_t size, struct reply *ret_reply);
void reply_done(struct reply *reply);

/*
 * Appends the text of a reply, or of an error if `error` is not NULL, without a NUL. Consumes
 * parameters (may be NULL: none). 0 or -ENOMEM.
 */
int reply_format(
	struct buffer *buffer, const char *error, struct json_t *parameters, bool continues);
