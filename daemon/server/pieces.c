/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Each piece goes out only when the client has taken most of the earlier ones. */

#include "daemon/server/pieces.h"

#include <errno.h>
#include <string.h>

#include "proto/wire/base64.h"

struct piece {
	const char *text;
};

static const struct field data_fields[] = {
	{FIELD_AS("data", struct piece, text, FIELD_TEXT)},
	{},
};

static const struct field text_fields[] = {
	{FIELD(struct piece, text, FIELD_TEXT)},
	{},
};

void pieces_done(struct pieces *pieces)
{
	buffer_done(&pieces->bytes);
	buffer_done(&pieces->piece);
}

void pieces_fail(struct request *request, int error)
{
	struct failure failure;

	failure_set(&failure, FAILURE_FAILED, "sending the profile", "%s", strerror(-error));
	request_fail(request, &failure);
}

/* Sends pieces->piece, which stands for the next n bytes. */
static void give(
	struct request *request, struct pieces *pieces, const struct field *fields, size_t n)
{
	struct piece piece;

	/* Even of nothing there is a text. */
	buffer_append(&pieces->piece, "", 0);
	if (buffer_error(&pieces->piece)) {
		pieces_fail(request, -ENOMEM);
		return;
	}
	piece.text = pieces->piece.data;
	pieces->n_sent += n;
	if (pieces->n_sent == pieces->bytes.size)
		request_reply(request, fields, &piece);
	else
		request_continue(request, fields, &piece);
	buffer_clear(&pieces->piece);
}

void pieces_give_data(struct request *request, struct pieces *pieces)
{
	size_t n = pieces->bytes.size - pieces->n_sent;

	/* So many bytes are one piece of text. */
	if (n > PIECE_BYTES_MAX / 4 * 3)
		n = PIECE_BYTES_MAX / 4 * 3;
	if (n)
		base64_encode(&pieces->piece, pieces->bytes.data + pieces->n_sent, n);
	give(request, pieces, data_fields, n);
}

/* The length of the longest run of whole lines that fits; of one line, if that alone does not. */
static size_t lines_length(const char *text, size_t n)
{
	const char *end;

	if (n <= PIECE_BYTES_MAX)
		return n;
	for (size_t i = PIECE_BYTES_MAX; i; i--)
		if (text[i - 1] == '\n')
			return i;
	end = memchr(text, '\n', n);
	return end ? (size_t)(end - text) + 1 : n;
}

void pieces_give_text(struct request *request, struct pieces *pieces)
{
	size_t n = pieces->bytes.size - pieces->n_sent;

	if (n) {
		const char *text = pieces->bytes.data + pieces->n_sent;

		n = lines_length(text, n);
		buffer_append(&pieces->piece, text, n);
	}
	give(request, pieces, text_fields, n);
}
