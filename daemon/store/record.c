/* SPDX-License-Identifier: GPL-2.0-or-later */

/* See record.h. */

#include "daemon/store/record.h"

#include "daemon/store/packing.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/profile/profile.h"

static int numbers_parse(
	uint64_t *const numbers[], size_t n, const uint8_t **at, const uint8_t *end)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = varint_get(at, end, numbers[i]);
	return r;
}

int frame_record_parse(struct frame_record *frame, const uint8_t *bytes, size_t size)
{
	uint64_t *const place[] = {&frame->kind, &frame->path, &frame->build_id, &frame->address};
	uint64_t *const rest[] = {&frame->unnamed, &frame->detail};
	const uint8_t *at = bytes, *end = bytes + size;
	int r = numbers_parse(place, ARRAY_SIZE(place), &at, end);

	frame->place = bytes;
	frame->place_end = at;
	if (!r)
		r = numbers_parse(rest, ARRAY_SIZE(rest), &at, end);
	frame->lines = at;
	frame->end = end;
	return r;
}

int line_record_parse(struct line_record *line, const uint8_t **at, const uint8_t *end)
{
	uint64_t *const numbers[] = {
		&line->texts[0], &line->texts[1], &line->texts[2], &line->start_line, &line->line};

	return numbers_parse(numbers, ARRAY_SIZE(numbers), at, end);
}

int frame_record_digest(
	const struct frame_record *frame, const struct digest *key, struct digest *ret_digest)
{
	CLEANUP(buffer_done) struct buffer content = {0};

	buffer_append(&content, frame->place, (size_t)(frame->place_end - frame->place));
	if (frame->kind != PROFILE_FRAME_USER || !frame->address)
		buffer_append(&content, frame->lines, (size_t)(frame->end - frame->lines));
	if (buffer_error(&content))
		return buffer_error(&content);
	*ret_digest = digest_make(key, content.data, content.size);
	return 0;
}
