/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Messages over a stream socket: each is text ended by one NUL byte, and may arrive in pieces or
 * several at a time (UAPI.20 "Varlink IPC", "Framing"). Both directions have a limit.
 */

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buffer.h"

#define FRAME_CALL_MAX (1024 * 1024) /* a message to the daemon */
#define FRAME_REPLY_MAX (16 * 1024 * 1024) /* a message to a client */
#define FRAME_UNSENT_MAX (8 * 1024 * 1024) /* waiting for a client to read */

struct frame {
	int fd; /* owned */
	struct buffer input, output;
	size_t n_taken; /* of input: already handed out */
	size_t n_scanned; /* of input: known to hold no NUL behind n_taken */
	size_t n_sent; /* of output */
	size_t message_max, unsent_max;
	bool is_eof; /* the peer will send nothing more */
};

/* Takes the fd over. Reads and writes never block, whatever the fd's own mode. */
void frame_init(struct frame *frame, int fd, size_t message_max, size_t unsent_max);
void frame_done(struct frame *frame);

/* There is room for at least one more byte of input. */
bool frame_has_room(const struct frame *frame);

/*
 * Reads once what is there, if there is room. 0 (also when nothing was there, or at the end, which
 * sets is_eof), -EMSGSIZE when a message passes the limit, or a negative errno.
 */
int frame_receive(struct frame *frame);

/* The next whole message, NUL-terminated, its length in *ret_size; valid until the next call on the
 * frame. NULL: none yet. */
const char *frame_next(struct frame *frame, size_t *ret_size);

/* Queues one message and the NUL. 0, -ENOBUFS above the limit (nothing is queued), -ENOMEM. */
int frame_send(struct frame *frame, const char *text, size_t size);

/* Writes what the socket takes. 0 (frame_n_unsent() tells whether all went), or a negative errno. */
int frame_flush(struct frame *frame);

size_t frame_n_unsent(const struct frame *frame);

/* Bytes of memory that it holds, above what each connection may. */
size_t frame_n_held(const struct frame *frame);
