/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Both buffers are consumed from the front by an offset and moved only when that is cheap, so that
 * thousands of small pipelined messages cost no quadratic copying. Invariants: n_taken <= input.size
 * and n_sent <= output.size; no NUL lies in input between n_taken and n_taken + n_scanned.
 *
 * No descriptor is ever accepted from a peer: recv() without room for control data drops them.
 */

#include "proto/wire/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "proto/base/cleanup.h"

/* One read takes at most so much, for the sake of the others on the loop. */
#define READ_SIZE (64 * 1024)

void frame_init(struct frame *frame, int fd, size_t message_max, size_t unsent_max)
{
	*frame = (struct frame){.fd = fd, .message_max = message_max, .unsent_max = unsent_max};
}

void frame_done(struct frame *frame)
{
	buffer_done(&frame->input);
	buffer_done(&frame->output);
	closep(&frame->fd);
}

static size_t n_pending(const struct frame *frame)
{
	return frame->input.size - frame->n_taken;
}

/* A message of the full length and its NUL must fit. */
bool frame_has_room(const struct frame *frame)
{
	return n_pending(frame) < frame->message_max + 1;
}

static void scan(struct frame *frame)
{
	size_t n = n_pending(frame) - frame->n_scanned;
	const char *start, *end;

	if (!n)
		return;
	start = frame->input.data + frame->n_taken + frame->n_scanned;
	end = memchr(start, '\0', n);
	frame->n_scanned += end ? (size_t)(end - start) : n;
}

static bool has_message(const struct frame *frame)
{
	return frame->n_scanned < n_pending(frame);
}

int frame_receive(struct frame *frame)
{
	size_t room;
	ssize_t n;
	char *end;

	if (frame->is_eof || !frame_has_room(frame))
		return 0;
	buffer_consume(&frame->input, frame->n_taken);
	frame->n_taken = 0;
	if (!frame->input.size && frame->input.n_allocated > 2 * READ_SIZE)
		buffer_done(&frame->input);
	room = frame->message_max + 1 - frame->input.size;
	if (room > READ_SIZE)
		room = READ_SIZE;
	end = buffer_reserve(&frame->input, room);
	if (!end)
		return -ENOMEM;
	n = recv(frame->fd, end, room, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		frame->is_eof = true;
	frame->input.size += (size_t)n;
	frame->input.data[frame->input.size] = '\0';
	scan(frame);
	return !has_message(frame) && !frame_has_room(frame) ? -EMSGSIZE : 0;
}

const char *frame_next(struct frame *frame, size_t *ret_size)
{
	const char *message;

	scan(frame);
	if (!has_message(frame))
		return NULL;
	message = frame->input.data + frame->n_taken;
	*ret_size = frame->n_scanned;
	frame->n_taken += frame->n_scanned + 1;
	frame->n_scanned = 0;
	return message;
}

int frame_send(struct frame *frame, const char *text, size_t size)
{
	if (size >= frame->unsent_max || frame_n_unsent(frame) > frame->unsent_max - size - 1)
		return -ENOBUFS;
	if (frame->n_sent > frame->output.size / 2) {
		buffer_consume(&frame->output, frame->n_sent);
		frame->n_sent = 0;
	}
	if (!buffer_reserve(&frame->output, size + 1))
		return -ENOMEM;
	buffer_append(&frame->output, text, size);
	buffer_append_char(&frame->output, '\0');
	return 0;
}

int frame_flush(struct frame *frame)
{
	while (frame_n_unsent(frame)) {
		ssize_t n = send(frame->fd, frame->output.data + frame->n_sent,
			frame_n_unsent(frame), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		frame->n_sent += (size_t)n;
	}
	/* A buffer that once was large is not kept for a connection that then idles. */
	if (frame->output.n_allocated > READ_SIZE)
		buffer_done(&frame->output);
	else
		buffer_clear(&frame->output);
	frame->n_sent = 0;
	return 0;
}

size_t frame_n_held(const struct frame *frame)
{
	size_t n = frame->input.n_allocated + frame->output.n_allocated;

	return n > 4 * READ_SIZE ? n : 0;
}

size_t frame_n_unsent(const struct frame *frame)
{
	return frame->output.size - frame->n_sent;
}
