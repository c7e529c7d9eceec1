/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The methods by name. A new one is a row in methods.def and a file method-*.c. */

#include <stdbool.h>

struct request;

struct method {
	const char *name; /* full */
	bool needs_more; /* without `more` it is answered with ExpectedMore, and not started */
	/* Answers at once, or keeps what it needs in request->state and answers later. */
	void (*start)(struct request *request);
	/* May be NULL: gives one more piece of a stream, whenever the client has taken enough of
	 * the earlier ones. Called until the request is finished. */
	void (*resume)(struct request *request);
	/* May be NULL: once, after the last reply or when the client has gone. Frees the state. */
	void (*end)(struct request *request);
};

#define METHOD(name) extern const struct method method_##name;
#include "daemon/server/methods.def"
#undef METHOD

/* NULL: there is none. */
const struct method *method_find(const char *name);

/* Answers a call of a method that does not exist. */
void method_not_found(struct request *request);
