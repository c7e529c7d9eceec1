/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Bytes go out and come in as the socket takes and gives them: nothing in here waits. */

#include "daemon/store-channel.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/helper.h"
#include "proto/base/cleanup.h"

#define CHUNK_BYTES 65536
/* So long may the process take to end; what it had committed stays. */
#define CLOSE_MS 2000

struct store_channel {
	struct store_channel_config config;
	pid_t pid;
	int fd;
	struct loop_source *io;
	struct buffer out, in;
	size_t n_sent;
	bool is_busy;
};

static void fail(struct store_channel *channel)
{
	channel->io = loop_source_free(channel->io);
	channel->is_busy = false;
	channel->config.on_reply(channel->config.userdata, NULL, NULL);
}

static int on_writable(struct store_channel *channel)
{
	while (channel->n_sent < channel->out.size) {
		ssize_t n = send(channel->fd, channel->out.data + channel->n_sent,
			channel->out.size - channel->n_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		channel->n_sent += (size_t)n;
	}
	buffer_done(&channel->out);
	channel->n_sent = 0;
	return loop_source_set_events(channel->io, EPOLLIN);
}

/* 1: an answer is whole. */
static int on_readable(struct store_channel *channel)
{
	const struct store_reply *reply;

	for (;;) {
		char *room = buffer_reserve(&channel->in, CHUNK_BYTES);
		ssize_t n = room ? recv(channel->fd, room, CHUNK_BYTES, MSG_DONTWAIT) : -1;

		if (!room)
			return -ENOMEM;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
		if (n < 0)
			break;
		channel->in.size += (size_t)n;
	}
	if (channel->in.size < sizeof(*reply))
		return 0;
	reply = (const struct store_reply *)channel->in.data;
	if (!channel->is_busy || reply->magic != STORE_MAGIC ||
		reply->body_size > STORE_BODY_BYTES_MAX)
		return -EPROTO;
	return channel->in.size >= sizeof(*reply) + reply->body_size;
}

static int on_io(void *userdata, uint32_t events)
{
	struct store_channel *channel = userdata;
	CLEANUP(buffer_done) struct buffer in = {0};
	struct store_reply reply;
	int r = events & EPOLLOUT ? on_writable(channel) : 0;

	if (!r && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		r = on_readable(channel);
	if (r < 0)
		fail(channel);
	if (r <= 0)
		return 0;
	in = channel->in;
	channel->in = (struct buffer){0};
	memcpy(&reply, in.data, sizeof(reply));
	reply.text[sizeof(reply.text) - 1] = '\0';
	buffer_consume(&in, sizeof(reply));
	channel->is_busy = false;
	channel->config.on_reply(channel->config.userdata, &reply, &in);
	return 0;
}

int store_channel_new(const struct store_channel_config *config, struct store_channel **ret_channel)
{
	struct store_channel *channel = calloc(1, sizeof(*channel));
	char bytes[24], age[24];
	char *const arguments[] = {"perfd-store", (char *)config->path, bytes, age, NULL};
	int r;

	if (!channel)
		return -ENOMEM;
	snprintf(bytes, sizeof(bytes), "%" PRIu64, config->max_bytes);
	snprintf(age, sizeof(age), "%" PRIu64, config->max_age_ns);
	channel->config = *config;
	channel->fd = -1;
	r = helper_spawn(config->program, arguments, &channel->pid, &channel->fd);
	if (!r)
		r = loop_add_fd(config->loop, channel->fd, EPOLLIN, on_io, channel, &channel->io);
	if (r < 0) {
		store_channel_free(channel);
		return r;
	}
	*ret_channel = channel;
	return 0;
}

int store_channel_ask(
	struct store_channel *channel, const struct store_request *request, const void *body)
{
	buffer_append(&channel->out, request, sizeof(*request));
	buffer_append(&channel->out, body, request->body_size);
	if (buffer_error(&channel->out)) {
		buffer_done(&channel->out);
		return -ENOMEM;
	}
	channel->is_busy = true;
	return loop_source_set_events(channel->io, EPOLLIN | EPOLLOUT);
}

bool store_channel_is_busy(const struct store_channel *channel)
{
	return channel->is_busy;
}

static struct store_channel *channel_end(struct store_channel *channel, int signal)
{
	loop_source_free(channel->io);
	closep(&channel->fd);
	if (channel->pid > 0) {
		if (signal)
			kill(channel->pid, signal);
		waitpid(channel->pid, NULL, 0);
	}
	buffer_done(&channel->out);
	buffer_done(&channel->in);
	free(channel);
	return NULL;
}

struct store_channel *store_channel_free(struct store_channel *channel)
{
	return channel ? channel_end(channel, SIGKILL) : NULL;
}

struct store_channel *store_channel_close(struct store_channel *channel)
{
	struct pollfd end = {.events = POLLIN};

	if (!channel)
		return NULL;
	/* All of it first: what is asked here is small, or was on its way already. */
	end.fd = channel->fd;
	shutdown(channel->fd, SHUT_WR);
	while (poll(&end, 1, CLOSE_MS) > 0) {
		char bytes[4096];

		if (recv(channel->fd, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0)
			return channel_end(channel, 0);
	}
	return channel_end(channel, SIGKILL);
}
