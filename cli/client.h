/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * perfctl's side of the wire: one connection, one call at a time, synchronous. Nothing in here can
 * hang: a daemon that is silent for CLIENT_SILENCE_NS during a call is given up on.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buffer.h"
#include "proto/base/time.h"

#define CLIENT_SILENCE_NS (45 * NS_PER_SECOND)

/* perfctl's exit codes, as far as a call decides them. */
enum client_exit {
	CLIENT_EXIT_FAILED = 1,
	CLIENT_EXIT_NOT_PERMITTED = 4,
	CLIENT_EXIT_NO_TARGET = 5,
	CLIENT_EXIT_UNREACHABLE = 6,
};

/* Why a call failed: text is a clause without a full stop that can follow "perfctl: cannot …: ". */
struct client_error {
	char name[96]; /* the varlink error's full name; "" when the transport failed */
	char text[512];
	enum client_exit exit_code;
	uint32_t pid; /* of NotPermitted; 0: none */
};

struct client;

/* Each fills in ret_error when it returns a negative errno. */
int client_connect(const char *path, struct client **ret_client, struct client_error *ret_error);
/* The fd, a connected stream socket, becomes the client's, also on failure. */
int client_from_fd(int fd, struct client **ret_client, struct client_error *ret_error);
/* Hangs up: what was under way on this connection ends in the daemon. */
struct client *client_free(struct client *client);
void client_freep(struct client **client);

/*
 * While a call waits, `fd` (a signalfd, a timerfd; stays the caller's) is polled too, and on_wake is
 * called when it is readable; on_wake must read it. 0 goes on waiting; any other result ends the
 * call with it, after which the client can only be freed. fd -1: none (the default).
 */
void client_set_wake(struct client *client, int fd, int (*on_wake)(void *userdata), void *userdata);

/* For tests: another limit than CLIENT_SILENCE_NS. */
void client_set_silence(struct client *client, uint64_t silence_ns);

/*
 * One reply's parameters (an object, borrowed, never NULL); continues: more will follow. 0 goes on;
 * any other result ends the call with it, after which the client can only be freed.
 */
typedef int client_on_reply(void *userdata, json_t *parameters, bool continues);

/*
 * Calls and waits for the last reply. `parameters` (may be NULL: none) is consumed, also on failure.
 * client_call() asks for one reply, client_call_more() for a stream. 0, or a negative errno with
 * ret_error filled in: -EREMOTEIO when the daemon answered with an error (the connection stays
 * usable), anything else when the connection is lost; or what on_reply or on_wake returned
 * (ret_error is untouched then).
 * on_reply may be NULL.
 */
int client_call(struct client *client, const char *method, json_t *parameters,
	client_on_reply *on_reply, void *userdata, struct client_error *ret_error);
int client_call_more(struct client *client, const char *method, json_t *parameters,
	client_on_reply *on_reply, void *userdata, struct client_error *ret_error);

/* As client_call, giving the reply's parameters with a new reference. */
int client_call_one(struct client *client, const char *method, json_t *parameters,
	json_t **ret_reply, struct client_error *ret_error);

/* Appends the gzipped pprof bytes (GetProfile) or the folded text (GetFolded) of a profile. */
int client_get_profile(struct client *client, const char *profile_id, struct buffer *buffer,
	struct client_error *ret_error);
int client_get_folded(struct client *client, const char *profile_id, struct buffer *buffer,
	struct client_error *ret_error);
/* The same of any method that gives "data" in pieces. `parameters` is consumed. */
int client_get_pieces(struct client *client, const char *method, json_t *parameters,
	struct buffer *buffer, struct client_error *ret_error);
