/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whole messages over a stream socket that blocks. */

#include <stddef.h>

#define STREAM_END 1 /* the other side has gone, maybe in the middle of the bytes */

/* Reads that many bytes. 0, STREAM_END, or a negative errno. */
int stream_receive(int fd, void *bytes, size_t size);
/* 0 or a negative errno, without a signal. */
int stream_send(int fd, const void *bytes, size_t size);
