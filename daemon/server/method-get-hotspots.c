/* SPDX-License-Identifier: GPL-2.0-or-later */

/* GetHotspots: the first rows of a ranking. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "daemon/server/replies.h"
#include "daemon/server/request.h"
#include "proto/base/cleanup.h"
#include "proto/profile/rank.h"

#define ROWS_DEFAULT 100

struct hotspots_parameters {
	const char *profile, *by, *sort;
	uint64_t limit;
};

static const struct field parameter_fields[] = {
	{FIELD(struct hotspots_parameters, profile, FIELD_TEXT), .is_required = true},
	{FIELD(struct hotspots_parameters, by, FIELD_TEXT)},
	{FIELD(struct hotspots_parameters, sort, FIELD_TEXT)},
	{FIELD(struct hotspots_parameters, limit, FIELD_U64)},
	{},
};

struct hotspot {
	const char *name, *module;
	uint64_t self, total;
	double self_share, self_low, self_high, total_share;
};

static const struct field hotspot_fields[] = {
	{FIELD(struct hotspot, name, FIELD_TEXT)},
	{FIELD(struct hotspot, module, FIELD_TEXT)},
	{FIELD(struct hotspot, self, FIELD_U64)},
	{FIELD(struct hotspot, total, FIELD_U64)},
	{FIELD_AS("selfShare", struct hotspot, self_share, FIELD_DOUBLE)},
	{FIELD_AS("selfLow", struct hotspot, self_low, FIELD_DOUBLE)},
	{FIELD_AS("selfHigh", struct hotspot, self_high, FIELD_DOUBLE)},
	{FIELD_AS("totalShare", struct hotspot, total_share, FIELD_DOUBLE)},
	{},
};

struct hotspots_reply {
	uint64_t n_samples;
	struct hotspot *hotspots;
	size_t n_hotspots;
	struct ledger_reply ledger;
};

static const struct field reply_fields[] = {
	{FIELD_AS("samples", struct hotspots_reply, n_samples, FIELD_U64)},
	{FIELD(struct hotspots_reply, hotspots, FIELD_OBJECTS),
		.n_offset = offsetof(struct hotspots_reply, n_hotspots),
		.item_size = sizeof(struct hotspot), .fields = hotspot_fields},
	{FIELD(struct hotspots_reply, ledger, FIELD_OBJECT), .fields = ledger_fields},
	{},
};

/* The name of the parameter that is wrong, or NULL. */
static const char *read_options(
	const struct hotspots_parameters *parameters, struct rank_options *options)
{
	if (!strcmp(parameters->by, "function"))
		options->by = RANK_BY_FUNCTION;
	else if (!strcmp(parameters->by, "module"))
		options->by = RANK_BY_MODULE;
	else
		return "by";
	if (!strcmp(parameters->sort, "self"))
		options->sort = RANK_SORT_SELF;
	else if (!strcmp(parameters->sort, "total"))
		options->sort = RANK_SORT_TOTAL;
	else
		return "sort";
	return parameters->limit >= 1 && parameters->limit <= LIMIT_HOTSPOTS ? NULL : "limit";
}

/* 0 (the request is answered) or -ENOMEM. */
static int reply_ranking(struct request *request, const struct profile *profile,
	const struct rank_options *options, size_t n_max)
{
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	CLEANUP(freep) struct hotspot *hotspots = NULL;
	struct hotspots_reply reply = {};
	int r = ranking_new(profile, options, &ranking);

	if (r < 0)
		return r;
	reply.n_hotspots = ranking->n_rows < n_max ? ranking->n_rows : n_max;
	hotspots = calloc(reply.n_hotspots + 1, sizeof(*hotspots));
	if (!hotspots)
		return -ENOMEM;
	for (size_t i = 0; i < reply.n_hotspots; i++) {
		const struct rank_row *row = &ranking->rows[i];

		hotspots[i] = (struct hotspot){
			.name = ranking_name(profile, row),
			.module = profile_string(profile, row->module),
			.self = (uint64_t)row->self,
			.total = (uint64_t)row->total,
			.self_share = row->self_share.share,
			.self_low = row->self_share.low,
			.self_high = row->self_share.high,
			.total_share = row->total_share.share,
		};
	}
	reply.hotspots = hotspots;
	reply.n_samples = (uint64_t)ranking->n_samples;
	ledger_reply_init(&reply.ledger, profile);
	request_reply(request, reply_fields, &reply);
	return 0;
}

static void start(struct request *request)
{
	const struct server_context *context = request->context;
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct hotspots_parameters parameters = {
		.by = "function", .sort = "self", .limit = ROWS_DEFAULT};
	struct rank_options options = {};
	struct failure failure = {};
	const char *invalid;
	int r;

	if (!request_read(request, parameter_fields, &parameters))
		return;
	invalid = read_options(&parameters, &options);
	if (invalid) {
		request_invalid(request, invalid);
		return;
	}
	if (context->operations->find_profile(context->manager, request->caller, parameters.profile,
		    &profile, &failure) < 0) {
		request_fail(request, &failure);
		return;
	}
	r = reply_ranking(request, profile, &options, parameters.limit);
	if (r < 0) {
		failure_set(&failure, FAILURE_FAILED, "ranking", "%s", strerror(-r));
		request_fail(request, &failure);
	}
}

const struct method method_get_hotspots = {
	.name = CALL_INTERFACE ".GetHotspots",
	.start = start,
};
