/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Mappings, functions and locations of a pprof. What another writer leaves out is put in once, here,
 * so that nobody downstream needs to ask: a location without a name gets one that says where it is,
 * kernel frames are told by their mapping, and addresses of a running process become offsets into
 * its file where the mapping tells how.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/profile/pprof-decode.h"
#include "proto/profile/pprof.h"

/* Executables that are not relocated lie below this; above, an address of a running process tells
 * little without its mapping. */
#define RELOCATED_FROM (UINT64_C(1) << 32)
/* The kernel's half of the address space on the 64-bit machines that Linux runs on. */
#define KERNEL_FROM UINT64_C(0xffff000000000000)

static int mapping_decode(struct pprof_decoder *decoder, struct protobuf in)
{
	struct profile_mapping mapping = {};
	struct pprof_range range = {};
	struct protobuf_field field;
	uint64_t id = 0;
	uint32_t added;
	int r;

	while (!(r = pprof_next(decoder, &in, "mapping", &field))) {
		switch (field.number) {
		case PPROF_MAPPING_ID:
			id = field.value;
			break;
		case PPROF_MAPPING_START:
			range.start = field.value;
			break;
		case PPROF_MAPPING_LIMIT:
			range.limit = field.value;
			break;
		case PPROF_MAPPING_OFFSET:
			range.offset = field.value;
			break;
		case PPROF_MAPPING_FILENAME:
			r = pprof_string(decoder, field.value, &mapping.path);
			break;
		case PPROF_MAPPING_BUILD_ID:
			r = pprof_string(decoder, field.value, &mapping.build_id);
			break;
		default:
			break;
		}
		if (r)
			return r;
	}
	r = pprof_ended(r);
	if (r)
		return r;
	r = profile_add_mapping(decoder->profile, &mapping, &added);
	if (r < 0)
		return r;
	r = array_reserve(&decoder->ranges, &decoder->n_ranges_allocated, decoder->mappings.n + 1,
		sizeof(*decoder->ranges));
	if (r < 0)
		return r;
	decoder->ranges[decoder->mappings.n] = range;
	return pprof_ids_add(decoder, &decoder->mappings, id, added);
}

/* Lines are not above 2^31 in any file; anything else is "unknown". */
static uint32_t line_number(uint64_t value)
{
	return value <= INT32_MAX ? (uint32_t)value : 0;
}

static int function_decode(struct pprof_decoder *decoder, struct protobuf in)
{
	struct profile_function function = {};
	struct protobuf_field field;
	uint64_t id = 0;
	uint32_t added;
	int r;

	while (!(r = pprof_next(decoder, &in, "function", &field))) {
		switch (field.number) {
		case PPROF_FUNCTION_ID:
			id = field.value;
			break;
		case PPROF_FUNCTION_NAME:
			r = pprof_string(decoder, field.value, &function.name);
			break;
		case PPROF_FUNCTION_SYSTEM_NAME:
			r = pprof_string(decoder, field.value, &function.system_name);
			break;
		case PPROF_FUNCTION_FILENAME:
			r = pprof_string(decoder, field.value, &function.file);
			break;
		case PPROF_FUNCTION_START_LINE:
			function.start_line = line_number(field.value);
			break;
		default:
			break;
		}
		if (r)
			return r;
	}
	r = pprof_ended(r);
	if (r)
		return r;
	r = profile_add_function(decoder->profile, &function, &added);
	return r < 0 ? r : pprof_ids_add(decoder, &decoder->functions, id, added);
}

/* A location while it is read. */
struct location {
	uint64_t id, mapping_id, kind, unnamed;
	struct profile_frame frame;
	struct profile_line lines[PPROF_LINES_MAX];
	size_t n_lines;
};

static int line_decode(struct pprof_decoder *decoder, struct protobuf in, struct location *location)
{
	struct profile_line line = {};
	struct protobuf_field field;
	uint64_t function_id = 0;
	int r;

	if (location->n_lines >= PPROF_LINES_MAX)
		return profile_malformed(decoder->error,
			"location %" PRIu64 " has more than %d inlined functions", location->id,
			PPROF_LINES_MAX);
	while (!(r = pprof_next(decoder, &in, "line", &field))) {
		if (field.number == PPROF_LINE_FUNCTION_ID)
			function_id = field.value;
		else if (field.number == PPROF_LINE_LINE)
			line.line = line_number(field.value);
	}
	r = pprof_ended(r);
	if (r)
		return r;
	if (function_id) {
		size_t position;

		r = pprof_ids_find(decoder, &decoder->functions, function_id, &position);
		if (r)
			return r;
		line.function = decoder->functions.values[position];
	}
	location->lines[location->n_lines++] = line;
	return 0;
}

static int location_fields_decode(
	struct pprof_decoder *decoder, struct protobuf in, struct location *location)
{
	struct protobuf_field field;
	int r;

	while (!(r = pprof_next(decoder, &in, "location", &field))) {
		switch (field.number) {
		case PPROF_LOCATION_ID:
			location->id = field.value;
			break;
		case PPROF_LOCATION_MAPPING_ID:
			location->mapping_id = field.value;
			break;
		case PPROF_LOCATION_ADDRESS:
			location->frame.address = field.value;
			break;
		case PPROF_LOCATION_LINE:
			r = line_decode(decoder, field.bytes, location);
			break;
		case PPROF_LOCATION_KIND:
			location->kind = field.value;
			break;
		case PPROF_LOCATION_UNNAMED:
			location->unnamed = field.value;
			break;
		default:
			break;
		}
		if (r)
			return r;
	}
	return pprof_ended(r);
}

/* What another writer's frame is, and where in its file. */
static void frame_normalize(
	const struct profile *profile, const struct pprof_range *range, struct profile_frame *frame)
{
	const char *path = profile_string(profile, profile->mappings[frame->mapping].path);

	if (text_starts_with(path, "[kernel") || text_starts_with(path, "[guest.kernel") ||
		text_ends_with(path, ".ko") || frame->address >= KERNEL_FROM) {
		frame->kind = PROFILE_FRAME_KERNEL;
		frame->address = 0;
		return;
	}
	if (range && range->start >= RELOCATED_FROM && frame->address >= range->start &&
		frame->address < range->limit)
		frame->address = frame->address - range->start + range->offset;
}

/* Gives a frame without a name one that says where it is. */
static int location_name(struct pprof_decoder *decoder, struct location *location)
{
	struct profile *profile = decoder->profile;
	struct profile_frame *frame = &location->frame;
	const char *path = profile_string(profile, profile->mappings[frame->mapping].path);
	struct profile_function function = {};
	char name[512];
	int r;

	if (frame->kind == PROFILE_FRAME_KERNEL)
		snprintf(name, sizeof(name), "[kernel]");
	else if (*path)
		snprintf(name, sizeof(name), "[%.400s+0x%" PRIx64 "]", text_base_name(path),
			frame->address);
	else
		snprintf(name, sizeof(name), "[unknown]");
	r = profile_add_string(profile, name, &function.name);
	if (r < 0)
		return r;
	r = profile_add_function(profile, &function, &location->lines[0].function);
	if (r < 0)
		return r;
	location->n_lines = 1;
	return frame->unnamed ? 0 : profile_add_string(profile, "not-symbolized", &frame->unnamed);
}

static bool location_is_named(const struct profile *profile, const struct location *location)
{
	for (size_t i = 0; i < location->n_lines; i++)
		if (profile->functions[location->lines[i].function].name)
			return true;
	return false;
}

static int location_decode(
	struct pprof_decoder *decoder, struct protobuf in, struct location *location)
{
	struct pprof_range *range = NULL;
	uint32_t added;
	size_t position;
	int r;

	/* The lines need no clearing: those counted are written. */
	location->id = location->mapping_id = location->kind = location->unnamed = 0;
	location->frame = (struct profile_frame){};
	location->n_lines = 0;
	r = location_fields_decode(decoder, in, location);
	if (r)
		return r;
	if (location->mapping_id) {
		r = pprof_ids_find(decoder, &decoder->mappings, location->mapping_id, &position);
		if (r)
			return r;
		location->frame.mapping = decoder->mappings.values[position];
		range = &decoder->ranges[position];
	}
	if (decoder->is_ours && location->kind <= PROFILE_FRAME_MARKER)
		location->frame.kind = (uint8_t)location->kind;
	if (!decoder->is_ours)
		frame_normalize(decoder->profile, range, &location->frame);
	r = pprof_string(decoder, location->unnamed, &location->frame.unnamed);
	if (r)
		return r;
	if (!location_is_named(decoder->profile, location)) {
		location->lines[0] = (struct profile_line){};
		r = location_name(decoder, location);
		if (r < 0)
			return r;
	}
	r = profile_add_frame(
		decoder->profile, &location->frame, location->lines, location->n_lines, &added);
	return r < 0 ? r : pprof_ids_add(decoder, &decoder->locations, location->id, added);
}

int pprof_decode_tables(struct pprof_decoder *decoder)
{
	static const uint32_t kinds[] = {PPROF_MAPPING, PPROF_FUNCTION, PPROF_LOCATION};
	struct location location;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct protobuf in = decoder->message;
		struct protobuf_field field;
		int r;

		while (!(r = pprof_next_record(decoder, &in, kinds[i], &field))) {
			if (kinds[i] == PPROF_MAPPING)
				r = mapping_decode(decoder, field.bytes);
			else if (kinds[i] == PPROF_FUNCTION)
				r = function_decode(decoder, field.bytes);
			else
				r = location_decode(decoder, field.bytes, &location);
			if (r)
				return r;
		}
		r = pprof_ended(r);
		if (r)
			return r;
	}
	return 0;
}
