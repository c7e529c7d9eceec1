/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Growable bytes with an error that sticks. Invariant: data[size] is NUL whenever data exists. */

#include "proto/base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"

char *buffer_reserve(struct buffer *buffer, size_t n)
{
	if (buffer->error)
		return NULL;
	if (n > SIZE_MAX - buffer->size - 1 ||
		array_reserve(&buffer->data, &buffer->n_allocated, buffer->size + n + 1, 1)) {
		buffer->error = -ENOMEM;
		return NULL;
	}
	return buffer->data + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t n)
{
	char *end = buffer_reserve(buffer, n);

	if (!end)
		return;
	if (n)
		memcpy(end, bytes, n);
	end[n] = '\0';
	buffer->size += n;
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void buffer_append_char(struct buffer *buffer, char c)
{
	buffer_append(buffer, &c, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	char *end = buffer_reserve(buffer, 128);
	va_list args;
	size_t room;
	int n;

	if (!end)
		return;
	room = buffer->n_allocated - buffer->size;
	va_start(args, format);
	n = vsnprintf(end, room, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n >= room) {
		end = buffer_reserve(buffer, (size_t)n);
		if (!end)
			return;
		va_start(args, format);
		n = vsnprintf(end, (size_t)n + 1, format, args);
		va_end(args);
	}
	if (n > 0)
		buffer->size += (size_t)n;
}

void buffer_consume(struct buffer *buffer, size_t n)
{
	if (!n)
		return;
	memmove(buffer->data, buffer->data + n, buffer->size - n);
	buffer->size -= n;
	buffer->data[buffer->size] = '\0';
}

void buffer_clear(struct buffer *buffer)
{
	buffer->size = 0;
	if (buffer->data)
		buffer->data[0] = '\0';
}

int buffer_error(const struct buffer *buffer)
{
	return buffer->error;
}

char *buffer_take(struct buffer *buffer, size_t *ret_size)
{
	char *data;

	buffer_append(buffer, "", 0);
	if (buffer->error)
		return NULL;
	data = buffer->data;
	if (ret_size)
		*ret_size = buffer->size;
	*buffer = (struct buffer){};
	return data;
}

void buffer_done(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){};
}
