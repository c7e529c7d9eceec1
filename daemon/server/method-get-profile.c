/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * GetProfile and GetFolded: a whole profile, encoded once and sent piece by piece, each piece only
 * when the client has taken most of the earlier ones. The encoded bytes are held until the last
 * piece is out, so the number of such calls per user is limited.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "daemon/server/request.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/profile/folded.h"
#include "proto/profile/pprof.h"
#include "proto/wire/base64.h"

#define PIECE_BYTES_MAX (1024 * 1024)

struct get_parameters {
	const char *profile;
};

static const struct field parameter_fields[] = {
	{FIELD(struct get_parameters, profile, FIELD_TEXT), .is_required = true},
	{},
};

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

/* A call under way: what is still to be sent begins at n_sent. */
struct export
{
	struct buffer bytes, piece;
	size_t n_sent;
};

static void export_fail(struct request *request, int error)
{
	struct failure failure;

	failure_set(&failure, FAILURE_FAILED, "sending the profile", "%s", strerror(-error));
	request_fail(request, &failure);
}

/* What both have in common: NULL if the call has been answered with an error. */
static struct export *export_begin(struct request *request, struct profile **ret_profile)
{
	const struct server_context *context = request->context;
	struct get_parameters parameters;
	struct failure failure = {};
	struct export *export;

	if (!request_read(request, parameter_fields, &parameters))
		return NULL;
	if (request_count(request, &method_get_profile, &method_get_folded) >
		LIMIT_EXPORTS_PER_UID) {
		failure_set(&failure, FAILURE_RESOURCE_LIMIT, "profiles fetched at once", "%s", "");
		failure.limit = LIMIT_EXPORTS_PER_UID;
		request_fail(request, &failure);
		return NULL;
	}
	if (context->operations->find_profile(context->manager, request->caller, parameters.profile,
		    ret_profile, &failure) < 0) {
		request_fail(request, &failure);
		return NULL;
	}
	export = calloc(1, sizeof(*export));
	if (!export)
		export_fail(request, -ENOMEM);
	request->state = export;
	return export;
}

static void end(struct request *request)
{
	struct export *export = request->state;

	if (!export)
		return;
	buffer_done(&export->bytes);
	buffer_done(&export->piece);
	free(export);
}

/* Sends export->piece, which stands for the next n bytes. */
static void give_piece(struct request *request, const struct field *fields, size_t n)
{
	struct export *export = request->state;
	struct piece piece;

	/* Even of nothing there is a text. */
	buffer_append(&export->piece, "", 0);
	if (buffer_error(&export->piece)) {
		export_fail(request, -ENOMEM);
		return;
	}
	piece.text = export->piece.data;
	export->n_sent += n;
	if (export->n_sent == export->bytes.size)
		request_reply(request, fields, &piece);
	else
		request_continue(request, fields, &piece);
	buffer_clear(&export->piece);
}

static void profile_resume(struct request *request)
{
	struct export *export = request->state;
	size_t n = export->bytes.size - export->n_sent;

	/* So many bytes are one piece of text. */
	if (n > PIECE_BYTES_MAX / 4 * 3)
		n = PIECE_BYTES_MAX / 4 * 3;
	if (n)
		base64_encode(&export->piece, export->bytes.data + export->n_sent, n);
	give_piece(request, data_fields, n);
}

static void profile_start(struct request *request)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct export *export = export_begin(request, &profile);
	int r;

	if (!export)
		return;
	r = pprof_encode(profile, &export->bytes);
	if (r < 0)
		export_fail(request, r);
	else
		profile_resume(request);
}

const struct method method_get_profile = {
	.name = CALL_INTERFACE ".GetProfile",
	.needs_more = true,
	.start = profile_start,
	.resume = profile_resume,
	.end = end,
};

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

static void folded_resume(struct request *request)
{
	struct export *export = request->state;
	size_t n = export->bytes.size - export->n_sent;

	if (n) {
		const char *text = export->bytes.data + export->n_sent;

		n = lines_length(text, n);
		buffer_append(&export->piece, text, n);
	}
	give_piece(request, text_fields, n);
}

static void folded_start(struct request *request)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct export *export = export_begin(request, &profile);
	int r;

	if (!export)
		return;
	r = folded_encode(profile, NULL, &export->bytes);
	if (r < 0)
		export_fail(request, r);
	else
		folded_resume(request);
}

const struct method method_get_folded = {
	.name = CALL_INTERFACE ".GetFolded",
	.needs_more = true,
	.start = folded_start,
	.resume = folded_resume,
	.end = end,
};
