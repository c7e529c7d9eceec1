/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * As hostile as the file that the worker read: sizes first, then every reference. Lines belong to one
 * code each, in order, so that nobody's are counted twice.
 */

#include "daemon/symbolize/jit-reply.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/base/utf8.h"

static bool is_sized(const struct worker_reply *reply)
{
	uint64_t size = sizeof(struct worker_jit_head) +
		(uint64_t)reply->n_symbols * sizeof(struct worker_jit_code) +
		(uint64_t)reply->n_lines * sizeof(struct worker_jit_line) + reply->strings_size;

	return reply->status == WORKER_STATUS_OK && reply->strings_size &&
		reply->body_size <= WORKER_REPLY_BYTES_MAX && size == reply->body_size;
}

static bool is_string(const struct jit_reply *view, uint32_t size, uint32_t offset)
{
	return offset < size && (!offset || !view->strings[offset - 1]);
}

static bool is_valid(const struct jit_reply *view, uint32_t strings_size)
{
	uint64_t next = 0, end;

	if (view->strings[0] || view->strings[strings_size - 1])
		return false;
	for (size_t i = 0; i < view->n_codes; i++) {
		const struct worker_jit_code *code = &view->codes[i];

		if (!code->size || __builtin_add_overflow(code->address, code->size, &end) ||
			!is_string(view, strings_size, code->name) ||
			!code->name != !!code->moved_from || code->first_line != next ||
			code->n_lines > view->n_lines - next)
			return false;
		next += code->n_lines;
	}
	for (size_t i = 0; i < view->n_lines; i++)
		if (!is_string(view, strings_size, view->lines[i].file) ||
			view->lines[i].line > INT32_MAX)
			return false;
	return next == view->n_lines;
}

static void sanitize_all(char *strings, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t n = strlen(strings + at);

		strings[at + utf8_sanitize(strings + at, n)] = '\0';
		at += n + 1;
	}
}

int jit_reply_parse(const struct worker_reply *reply, void *body, struct jit_reply *ret_reply)
{
	struct jit_reply view = {.n_codes = reply->n_symbols, .n_lines = reply->n_lines};
	char *at = body;

	if (!is_sized(reply))
		return -EPROTO;
	memcpy(&view.head, at, sizeof(view.head));
	at += sizeof(view.head);
	view.codes = (const struct worker_jit_code *)at;
	at += view.n_codes * sizeof(*view.codes);
	view.lines = (const struct worker_jit_line *)at;
	at += view.n_lines * sizeof(*view.lines);
	view.strings = at;
	if (!is_valid(&view, reply->strings_size))
		return -EPROTO;
	sanitize_all(at, reply->strings_size);
	*ret_reply = view;
	return 0;
}
