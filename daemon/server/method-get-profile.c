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
#include "daemon/server/pieces.h"
#include "proto/base/cleanup.h"
#include "proto/profile/folded.h"
#include "proto/profile/pprof.h"

struct get_parameters {
	const char *profile;
};

static const struct field parameter_fields[] = {
	{FIELD(struct get_parameters, profile, FIELD_TEXT), .is_required = true},
	{},
};

/* What both have in common: NULL if the call has been answered with an error. */
static struct pieces *pieces_begin(struct request *request, struct profile **ret_profile)
{
	const struct server_context *context = request->context;
	struct get_parameters parameters;
	struct failure failure = {};
	struct pieces *pieces;

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
	pieces = calloc(1, sizeof(*pieces));
	if (!pieces)
		pieces_fail(request, -ENOMEM);
	request->state = pieces;
	return pieces;
}

static void end(struct request *request)
{
	struct pieces *pieces = request->state;

	if (!pieces)
		return;
	pieces_done(pieces);
	free(pieces);
}

static void profile_resume(struct request *request)
{
	pieces_give_data(request, request->state);
}

static void profile_start(struct request *request)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct pieces *pieces = pieces_begin(request, &profile);
	int r;

	if (!pieces)
		return;
	r = pprof_encode(profile, &pieces->bytes);
	if (r < 0)
		pieces_fail(request, r);
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

static void folded_resume(struct request *request)
{
	pieces_give_text(request, request->state);
}

static void folded_start(struct request *request)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct pieces *pieces = pieces_begin(request, &profile);
	int r;

	if (!pieces)
		return;
	r = folded_encode(profile, NULL, &pieces->bytes);
	if (r < 0)
		pieces_fail(request, r);
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
