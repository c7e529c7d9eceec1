/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Blocking, with a deadline on everything. */

#include "tests/protocol/conversation.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/array.h"

#define PATIENCE_MS 10000

void conversation_take(struct conversation *conversation, int fd)
{
	*conversation = (struct conversation){.fd = fd};
}

void conversation_open(struct conversation *conversation, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	conversation_take(conversation, fd);
}

void conversation_close(struct conversation *conversation)
{
	close(conversation->fd);
	free(conversation->bytes);
	*conversation = (struct conversation){.fd = -1};
}

size_t say_bytes(struct conversation *conversation, const void *bytes, size_t n)
{
	size_t n_sent = 0;

	while (n_sent < n) {
		struct pollfd item = {.fd = conversation->fd, .events = POLLOUT};
		ssize_t sent;

		if (poll(&item, 1, PATIENCE_MS / 2) != 1)
			break;
		sent = send(conversation->fd, (const char *)bytes + n_sent, n - n_sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EAGAIN)
			continue;
		if (sent < 0)
			break;
		n_sent += (size_t)sent;
	}
	return n_sent;
}

void say(struct conversation *conversation, const char *text)
{
	ck_assert_uint_eq(say_bytes(conversation, text, strlen(text) + 1), strlen(text) + 1);
}

/* Reads once. 0 at the end, -1 when nothing came in time. */
static ssize_t receive(struct conversation *conversation, int ms)
{
	struct pollfd item = {.fd = conversation->fd, .events = POLLIN};
	size_t wanted = conversation->n + 65536;
	ssize_t n;

	if (poll(&item, 1, ms) != 1)
		return -1;
	ck_assert_int_eq(
		array_reserve(&conversation->bytes, &conversation->n_allocated, wanted, 1), 0);
	n = recv(conversation->fd, conversation->bytes + conversation->n, 65536, 0);
	if (n < 0)
		return 0;
	conversation->n += (size_t)n;
	return n;
}

json_t *hear(struct conversation *conversation)
{
	json_error_t error;
	json_t *message;
	size_t n_scanned = 0;
	char *end;

	for (;;) {
		ssize_t n;

		end = conversation->n > n_scanned
			? memchr(conversation->bytes + n_scanned, '\0', conversation->n - n_scanned)
			: NULL;
		if (end)
			break;
		n_scanned = conversation->n;
		n = receive(conversation, PATIENCE_MS);
		ck_assert_msg(n >= 0, "silence");
		if (n == 0)
			return NULL;
	}
	message = json_loads(conversation->bytes, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(message, "no JSON: %s", conversation->bytes);
	conversation->n -= (size_t)(end + 1 - conversation->bytes);
	memmove(conversation->bytes, end + 1, conversation->n);
	return message;
}

bool hears_nothing(struct conversation *conversation, int ms)
{
	return !conversation->n && receive(conversation, ms) == -1;
}

bool hears_end(struct conversation *conversation)
{
	ssize_t n;

	while ((n = receive(conversation, PATIENCE_MS)) > 0)
		conversation->n = 0;
	return n == 0;
}

const char *text_of(json_t *reply, const char *name)
{
	return json_string_value(json_object_get(json_object_get(reply, "parameters"), name));
}

long long number_of(json_t *reply, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(reply, "parameters"), name));
}

long long ask_number(struct conversation *conversation, const char *method, const char *name)
{
	char text[256];
	long long number;
	json_t *reply;

	snprintf(text, sizeof(text), "{\"method\":\"%s\"}", method);
	say(conversation, text);
	reply = hear(conversation);
	ck_assert_ptr_nonnull(reply);
	ck_assert_ptr_null(json_object_get(reply, "error"));
	number = number_of(reply, name);
	json_decref(reply);
	return number;
}

bool status_becomes(struct conversation *conversation, const char *name, long long number)
{
	for (int i = 0; i < 500; i++) {
		if (ask_number(conversation, "org.perfctl.profiler.GetStatus", name) == number)
			return true;
		usleep(10000);
	}
	return false;
}
