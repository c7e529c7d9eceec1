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
#include "daemon/base/shares.h"
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

static const struct share_rule exports_rule = {
	LIMIT_EXPORTS, LIMIT_EXPORTS_PER_UID, LIMIT_EXPORTS_LITTLE};

static void refuse(struct request *request, const char *what, uint64_t limit)
{
	struct failure failure;

	failure_set(&failure, FAILURE_RESOURCE_LIMIT, what, "%s", "");
	failure.limit = limit;
	request_fail(request, &failure);
}

/* What both have in common: NULL if the call has been answered with an error. */
static struct pieces *pieces_begin(struct request *request, struct profile **ret_profile)
{
	const struct server_context *context = request->context;
	struct get_parameters parameters;
	struct failure failure = {};
	enum share_verdict verdict;
	struct pieces *pieces;

	if (!request_read(request, parameter_fields, &parameters))
		return NULL;
	/* Of admins too: what is held for a client that does not read is of no use to anybody. */
	verdict = share_check(&exports_rule, false,
		request_count(request, &method_get_profile, &method_get_folded),
		request_count_all(request, &method_get_profile, &method_get_folded));
	if (verdict != SHARE_GRANTED) {
		refuse(request,
			verdict == SHARE_OF_USER_USED ? "profiles fetched at once by one user"
						      : "profiles fetched at once",
			share_limit(&exports_rule, verdict));
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

/* The profile shares what stacks have in common, and has each name once; as text it can be any number
 * of times as large. */
static uint64_t n_nodes_max(const struct profile *profile)
{
	uint64_t n = 0;

	for (size_t i = 1; i < profile->n_stacks; i++)
		n += profile->frames[profile->stacks[i].frame].n_lines;
	return n;
}

static void folded_start(struct request *request)
{
	static const struct folded_options options = {.bytes_max = LIMIT_FOLDED_BYTES};
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct pieces *pieces = pieces_begin(request, &profile);
	int r;

	if (!pieces)
		return;
	if (n_nodes_max(profile) > LIMIT_FOLDED_NODES) {
		refuse(request, "frames of all its stacks; fetch it by GetProfile",
			LIMIT_FOLDED_NODES);
		return;
	}
	r = folded_encode(profile, &options, &pieces->bytes);
	if (r == -E2BIG)
		refuse(request, "bytes of its folded stacks; fetch it by GetProfile",
			LIMIT_FOLDED_BYTES);
	else if (r < 0)
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
