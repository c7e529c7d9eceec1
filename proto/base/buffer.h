/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that grow at the end. An append that runs out of memory makes the buffer remember -ENOMEM
 * and ignore what follows, so that a writer checks once, at the end, with buffer_error().
 * `data` is always followed by a NUL that `size` does not count (once anything was appended).
 */
struct buffer {
	char *data;
	size_t size;
	size_t n_allocated;
	int error;
};

void buffer_append(struct buffer *buffer, const void *bytes, size_t n);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_char(struct buffer *buffer, char c);
void buffer_printf(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Drops the first n bytes. */
void buffer_consume(struct buffer *buffer, size_t n);

/* Empties it and keeps its memory. */
void buffer_clear(struct buffer *buffer);

/* Makes room for n more bytes behind `size` and returns where they go, or NULL without memory. */
char *buffer_reserve(struct buffer *buffer, size_t n);

/* 0, or -ENOMEM if any append failed. */
int buffer_error(const struct buffer *buffer);

/* Hands out the bytes (NUL-terminated, malloc'ed, never NULL unless error) and empties the buffer. */
char *buffer_take(struct buffer *buffer, size_t *ret_size);

void buffer_done(struct buffer *buffer);
