/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One call being served: what a method has in its hands. Replies are structs with a table of their
 * fields (proto/wire/fields.h); whether and how they go out is decided here: a one-way call gets
 * none, and only a call with `more` hears "continues".
 */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/server/methods.h"
#include "daemon/server/operations.h"
#include "daemon/server/server.h"
#include "proto/wire/call.h"
#include "proto/wire/fields.h"

/* What all methods may use. */
struct server_context {
	struct loop *loop;
	const struct server_operations *operations;
	void *manager;
	struct server_config config;
	struct server *server;
};

struct connection;

struct request {
	struct connection *connection;
	const struct server_context *context;
	const struct access_caller *caller;
	bool is_foreign_pid_namespace; /* the caller's pids are not ours */
	const struct method *method;
	struct call call;
	void *state; /* the method's; its end() frees it */
	bool is_finished; /* the last reply has been given */
	bool is_waiting; /* the method's: resume() would have nothing to give; see request_wake */
};

/*
 * The last reply of a call; after it (or after one of the errors) the method's end() is called, from
 * the loop. `fields` NULL: a reply without parameters.
 */
void request_reply(struct request *request, const struct field *fields, const void *source);

/* A reply that others follow. Only for calls with `more`. */
void request_continue(struct request *request, const struct field *fields, const void *source);

/* Errors: by full name; of a parameter; of the method; of the manager's. */
void request_error(
	struct request *request, const char *error, const struct field *fields, const void *source);
void request_invalid(struct request *request, const char *parameter);
void request_not_implemented(struct request *request);
void request_fail(struct request *request, const struct failure *failure);

/*
 * Parameters into `target`, whose arrays the caller frees with fields_done(). False: the call has
 * been answered with an error, and there is nothing to free.
 */
bool request_read(struct request *request, const struct field *fields, void *target);

/* Ends is_waiting: resume() is called from the loop. */
void request_wake(struct request *request);

/* The client reads more slowly than replies come: those that can be left out are. */
bool request_is_behind(const struct request *request);

/* How many calls of this caller's, or of all, are in `method` or `other` right now, with this one. */
size_t request_count(
	const struct request *request, const struct method *method, const struct method *other);
size_t request_count_all(
	const struct request *request, const struct method *method, const struct method *other);
