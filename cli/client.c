/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One loop waits for a reply: it sends what is unsent, reads what has come, and polls with the
 * caller's wake descriptor and a deadline that each arriving message moves. A daemon that sends
 * something else than replies, hangs up or falls silent makes the client lost: it is useless from
 * then on, and says so.
 */

#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/client-error.h"
#include "proto/base/cleanup.h"
#include "proto/wire/base64.h"
#include "proto/wire/call.h"
#include "proto/wire/frame.h"

/* A call of ours is far below; the frame wants a limit. */
#define CALL_BYTES_MAX FRAME_CALL_MAX
/* How often, and how long, one asks who may not fetch a profile yet. */
#define FETCH_PAUSE_MS 100
#define FETCH_WAIT_MAX_MS 30000
/* A profile beyond this is not from perfd. */
#define PROFILE_BYTES_MAX ((size_t)1024 * 1024 * 1024)

struct client {
	struct frame frame;
	uint64_t silence_ns;
	int wake_fd;
	int (*on_wake)(void *userdata);
	void *wake_userdata;
	bool is_lost;
};

static int lost(struct client *client, struct client_error *ret_error, int error, const char *text)
{
	client->is_lost = true;
	*ret_error = (struct client_error){.exit_code = CLIENT_EXIT_UNREACHABLE};
	snprintf(ret_error->text, sizeof(ret_error->text), "%s", text);
	return error;
}

static int lost_errno(struct client *client, struct client_error *ret_error, int error)
{
	char text[256];

	snprintf(text, sizeof(text), "the connection to the daemon broke: %s", strerror(-error));
	return lost(client, ret_error, error, text);
}

int client_from_fd(int fd, struct client **ret_client, struct client_error *ret_error)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		closep(&fd);
		*ret_error = (struct client_error){.exit_code = CLIENT_EXIT_FAILED};
		snprintf(ret_error->text, sizeof(ret_error->text), "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	frame_init(&client->frame, fd, FRAME_REPLY_MAX, CALL_BYTES_MAX);
	client->silence_ns = CLIENT_SILENCE_NS;
	client->wake_fd = -1;
	*ret_client = client;
	return 0;
}

static int connect_failed(int error, struct client_error *ret_error)
{
	const char *why = strerror(-error);

	if (error == -ENOENT)
		why = "there is no such socket; is perfd running?";
	else if (error == -ECONNREFUSED)
		why = "nobody listens there; is perfd running?";
	else if (error == -EAGAIN)
		why = "the daemon is not accepting connections";
	*ret_error = (struct client_error){.exit_code = CLIENT_EXIT_UNREACHABLE};
	snprintf(ret_error->text, sizeof(ret_error->text), "%s", why);
	return error;
}

int client_connect(const char *path, struct client **ret_client, struct client_error *ret_error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP(closep) int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return connect_failed(-ENAMETOOLONG, ret_error);
	memcpy(address.sun_path, path, strlen(path) + 1);
	/* Non-blocking: connecting to a listener whose queue is full must not hang. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return connect_failed(-errno, ret_error);
	return client_from_fd(take_fd(&fd), ret_client, ret_error);
}

struct client *client_free(struct client *client)
{
	if (!client)
		return NULL;
	frame_done(&client->frame);
	free(client);
	return NULL;
}

void client_freep(struct client **client)
{
	client_free(*client);
}

void client_set_wake(struct client *client, int fd, int (*on_wake)(void *userdata), void *userdata)
{
	client->wake_fd = fd;
	client->on_wake = on_wake;
	client->wake_userdata = userdata;
}

void client_set_silence(struct client *client, uint64_t silence_ns)
{
	client->silence_ns = silence_ns;
}

/* Until the socket can be used or the caller's descriptor was served. What on_wake said is in
 * *ret_woken. 0, or a negative errno: the client is lost. */
static int wait_ready(
	struct client *client, uint64_t deadline_ns, int *ret_woken, struct client_error *ret_error)
{
	short events = frame_n_unsent(&client->frame) ? POLLIN | POLLOUT : POLLIN;
	struct pollfd items[] = {
		{.fd = client->frame.fd, .events = events},
		{.fd = client->wake_fd, .events = POLLIN},
	};
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	char text[128];
	int n;

	if (now_ns >= deadline_ns) {
		snprintf(text, sizeof(text), "the daemon has not answered for %.0f seconds",
			(double)client->silence_ns / (double)NS_PER_SECOND);
		return lost(client, ret_error, -ETIMEDOUT, text);
	}
	n = poll(items, ARRAY_SIZE(items), (int)((deadline_ns - now_ns) / NS_PER_MS) + 1);
	if (n < 0 && errno != EINTR)
		return lost_errno(client, ret_error, -errno);
	if (n > 0 && items[1].revents && client->on_wake)
		*ret_woken = client->on_wake(client->wake_userdata);
	return 0;
}

/* The next message into *ret_reply. As client_call otherwise. */
static int receive(struct client *client, struct reply *ret_reply, struct client_error *ret_error)
{
	uint64_t deadline_ns = time_now_ns(CLOCK_MONOTONIC) + client->silence_ns;
	const char *text;
	size_t size;
	int woken = 0, r = 0;

	while (!(text = frame_next(&client->frame, &size))) {
		if (client->frame.is_eof)
			return lost(client, ret_error, -ECONNRESET,
				"the daemon hung up before it had answered");
		r = wait_ready(client, deadline_ns, &woken, ret_error);
		if (r < 0)
			return r;
		if (woken) {
			client->is_lost = true;
			return woken;
		}
		r = frame_flush(&client->frame);
		/* What the daemon said before it hung up is still to be read. */
		if (r == 0 || r == -EPIPE)
			r = frame_receive(&client->frame);
		if (r == -EMSGSIZE)
			return lost(client, ret_error, r, "the daemon sent too long a message");
		if (r < 0)
			return lost_errno(client, ret_error, r);
	}
	r = reply_parse(text, size, ret_reply);
	if (r)
		return lost(client, ret_error, r < 0 ? r : -EBADMSG,
			"what answers is not perfd: it does not speak Varlink");
	return 0;
}

static int send_call(struct client *client, const char *method, json_t *parameters,
	enum call_mode mode, struct client_error *ret_error)
{
	CLEANUP(buffer_done) struct buffer text = {};
	int r = call_format(&text, method, parameters, mode);

	if (client->is_lost)
		return lost(client, ret_error, -ENOTCONN, "the connection to the daemon is lost");
	if (r == 0)
		r = frame_send(&client->frame, text.data, text.size);
	if (r < 0)
		return lost_errno(client, ret_error, r);
	r = frame_flush(&client->frame);
	/* Whoever hung up may have said why. */
	return r < 0 && r != -EPIPE ? lost_errno(client, ret_error, r) : 0;
}

/* What all calls have in common. */
struct conversation {
	const char *method;
	json_t *parameters;
	enum call_mode mode;
	client_on_reply *on_reply;
	void *userdata;
};

static int converse(struct client *client, const struct conversation *conversation,
	struct client_error *ret_error)
{
	int r = send_call(client, conversation->method, conversation->parameters,
		conversation->mode, ret_error);

	while (r == 0) {
		CLEANUP(reply_done) struct reply reply = {};

		r = receive(client, &reply, ret_error);
		if (r)
			return r;
		if (reply.error) {
			client_error_decode(ret_error, reply.error, reply.parameters);
			return -EREMOTEIO;
		}
		if (reply.continues && conversation->mode != CALL_MORE)
			return lost(client, ret_error, -EBADMSG,
				"the daemon sent a stream where one answer was asked for");
		if (conversation->on_reply)
			r = conversation->on_reply(
				conversation->userdata, reply.parameters, reply.continues);
		if (r)
			client->is_lost = true;
		if (!reply.continues)
			return r;
	}
	return r;
}

int client_call(struct client *client, const char *method, json_t *parameters,
	client_on_reply *on_reply, void *userdata, struct client_error *ret_error)
{
	struct conversation conversation = {method, parameters, CALL_SINGLE, on_reply, userdata};

	return converse(client, &conversation, ret_error);
}

int client_call_more(struct client *client, const char *method, json_t *parameters,
	client_on_reply *on_reply, void *userdata, struct client_error *ret_error)
{
	struct conversation conversation = {method, parameters, CALL_MORE, on_reply, userdata};

	return converse(client, &conversation, ret_error);
}

static int keep_reply(void *userdata, json_t *parameters, bool continues)
{
	*(json_t **)userdata = json_incref(parameters);
	return 0;
}

int client_call_one(struct client *client, const char *method, json_t *parameters,
	json_t **ret_reply, struct client_error *ret_error)
{
	return client_call(client, method, parameters, keep_reply, ret_reply, ret_error);
}

/* Pieces of a profile on their way into a buffer. */
struct fetch {
	struct buffer *buffer;
	const char *member;
	bool is_base64;
	size_t n_before; /* in the buffer */
};

static int on_piece(void *userdata, json_t *parameters, bool continues)
{
	struct fetch *fetch = userdata;
	json_t *piece = json_object_get(parameters, fetch->member);
	int r = 0;

	if (!json_is_string(piece))
		return -EBADMSG;
	if (fetch->is_base64)
		r = base64_decode(
			fetch->buffer, json_string_value(piece), json_string_length(piece));
	else
		buffer_append(fetch->buffer, json_string_value(piece), json_string_length(piece));
	if (r == 0)
		r = buffer_error(fetch->buffer);
	if (r == 0 && fetch->buffer->size - fetch->n_before > PROFILE_BYTES_MAX)
		r = -EFBIG;
	return r;
}

static int fetch(struct client *client, const char *method, json_t *parameters, struct fetch *fetch,
	struct client_error *ret_error)
{
	struct client_error error = {};
	int r;

	fetch->n_before = fetch->buffer->size;
	r = client_call_more(client, method, parameters, on_piece, fetch, &error);
	if (r < 0 && !error.exit_code) {
		char text[128];

		snprintf(text, sizeof(text), "the daemon sent no sound profile: %s", strerror(-r));
		return lost(client, ret_error, r, text);
	}
	if (r < 0)
		*ret_error = error;
	return r;
}

/* Only so many profiles are fetched at once: what has been taken is not given up for that. */
int client_get_profile(struct client *client, const char *profile_id, struct buffer *buffer,
	struct client_error *ret_error)
{
	static const struct timespec pause = {.tv_nsec = FETCH_PAUSE_MS * 1000000};
	struct fetch pieces = {.buffer = buffer, .member = "data", .is_base64 = true};
	int r;

	for (int waited_ms = 0;; waited_ms += FETCH_PAUSE_MS) {
		r = fetch(client, CALL_INTERFACE ".GetProfile",
			json_pack("{s:s}", "profile", profile_id), &pieces, ret_error);
		if (r != -EREMOTEIO || waited_ms >= FETCH_WAIT_MAX_MS ||
			strcmp(ret_error->name, CALL_INTERFACE ".ResourceLimit") != 0)
			return r;
		nanosleep(&pause, NULL);
	}
}

int client_get_folded(struct client *client, const char *profile_id, struct buffer *buffer,
	struct client_error *ret_error)
{
	struct fetch pieces = {.buffer = buffer, .member = "text"};

	return fetch(client, CALL_INTERFACE ".GetFolded", json_pack("{s:s}", "profile", profile_id),
		&pieces, ret_error);
}

int client_get_pieces(struct client *client, const char *method, json_t *parameters,
	struct buffer *buffer, struct client_error *ret_error)
{
	struct fetch pieces = {.buffer = buffer, .member = "data", .is_base64 = true};

	return fetch(client, method, parameters, &pieces, ret_error);
}
