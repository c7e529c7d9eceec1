/* SPDX-License-Identifier: GPL-2.0-or-later */

/* ListRecordings: what the caller may stop, or fetch. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/server/request.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

struct recording_item {
	const char *recording, *state, *target, *event, *profile;
	double frequency_hz;
	uint64_t elapsed_ms, n_samples;
	uint32_t uid;
};

static const struct field item_fields[] = {
	{FIELD(struct recording_item, recording, FIELD_TEXT)},
	{FIELD(struct recording_item, state, FIELD_TEXT)},
	{FIELD(struct recording_item, target, FIELD_TEXT)},
	{FIELD(struct recording_item, event, FIELD_TEXT)},
	{FIELD_AS("frequency", struct recording_item, frequency_hz, FIELD_DOUBLE)},
	{FIELD_AS("elapsedMs", struct recording_item, elapsed_ms, FIELD_U64)},
	{FIELD_AS("samples", struct recording_item, n_samples, FIELD_U64)},
	{FIELD(struct recording_item, uid, FIELD_U32)},
	{FIELD(struct recording_item, profile, FIELD_TEXT)},
	{},
};

struct list_reply {
	struct recording_item *recordings;
	size_t n_recordings;
};

static const struct field reply_fields[] = {
	{FIELD(struct list_reply, recordings, FIELD_OBJECTS),
		.n_offset = offsetof(struct list_reply, n_recordings),
		.item_size = sizeof(struct recording_item), .fields = item_fields},
	{},
};

static const struct field no_fields[] = {{}};

static void start(struct request *request)
{
	const struct server_context *context = request->context;
	CLEANUP(freep) struct recording_state *states = NULL;
	CLEANUP(freep) struct recording_item *items = NULL;
	struct list_reply reply = {};
	struct failure failure;
	int r;

	if (!request_read(request, no_fields, NULL))
		return;
	r = context->operations->list(
		context->manager, request->caller, &states, &reply.n_recordings);
	if (r == 0)
		items = calloc(reply.n_recordings + 1, sizeof(*items));
	if (!items) {
		failure_set(&failure, FAILURE_FAILED, "listing recordings", "%s",
			strerror(r < 0 ? -r : ENOMEM));
		request_fail(request, &failure);
		return;
	}
	reply.recordings = items;
	for (size_t i = 0; i < reply.n_recordings; i++) {
		const struct recording_state *state = &states[i];

		items[i] = (struct recording_item){
			.recording = state->id,
			.state = state->state,
			.target = state->target,
			.event = state->event,
			.profile = state->profile_id[0] ? state->profile_id : NULL,
			.frequency_hz = state->frequency_hz,
			.elapsed_ms = state->elapsed_ns / NS_PER_MS,
			.n_samples = state->n_samples,
			.uid = state->uid,
		};
	}
	request_reply(request, reply_fields, &reply);
}

const struct method method_list_recordings = {
	.name = CALL_INTERFACE ".ListRecordings",
	.start = start,
};
