/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Formats are told by content, the surest first: gzip's magic, then a message whose every field is
 * whole, then the first line of a text. Bytes that are no text go to the pprof reader, which says
 * what is wrong with them.
 */

#include "proto/profile/source.h"

#include <string.h>

#include "proto/profile/folded.h"
#include "proto/profile/perf-script.h"
#include "proto/profile/pprof-fields.h"
#include "proto/profile/pprof-gzip.h"
#include "proto/profile/pprof.h"
#include "proto/profile/protobuf.h"

/* A field of pprof's profile that was added by nobody yet is below this. */
#define FIELD_MAX 100

/* Every field is whole, and samples have types. */
static bool is_message(const void *bytes, size_t n)
{
	struct protobuf in = {.at = bytes, .end = (const uint8_t *)bytes + n};
	struct protobuf_field field;
	bool has_types = false;
	int r;

	while (!(r = protobuf_next(&in, &field))) {
		if (field.number > FIELD_MAX)
			return false;
		has_types |= field.number == PPROF_SAMPLE_TYPE && field.type == PROTOBUF_BYTES;
	}
	return r == PROTOBUF_END && has_types;
}

/* The first line that holds something ends in a number. */
static bool is_folded(const char *text, size_t n)
{
	const char *end = text + n;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t size = (size_t)((newline ? newline : end) - text), stack_size;
		uint64_t value;

		if (folded_line_split(text, size, &stack_size, &value))
			return true;
		if (size && text[0] != '#' && text[0] != '\r')
			return false;
		text += size + (newline != NULL);
	}
	return false;
}

static bool is_binary(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && i < 4096; i++)
		if ((unsigned char)bytes[i] < ' ' && bytes[i] != '\t' && bytes[i] != '\n' &&
			bytes[i] != '\r')
			return true;
	return false;
}

enum source_format source_sniff(const void *bytes, size_t n)
{
	if (pprof_is_gzip(bytes, n) || is_message(bytes, n))
		return SOURCE_PPROF;
	if (perf_script_is_likely(bytes, n))
		return SOURCE_PERF_SCRIPT;
	return is_folded(bytes, n) ? SOURCE_FOLDED : SOURCE_UNKNOWN;
}

int source_decode(
	const void *bytes, size_t n, struct profile **ret_profile, struct profile_error *error)
{
	static const char perf_data[] = "PERFILE2";

	if (!n)
		return profile_malformed(error, "is empty");
	switch (source_sniff(bytes, n)) {
	case SOURCE_PPROF:
		return pprof_decode(bytes, n, ret_profile, error);
	case SOURCE_FOLDED:
		return folded_decode(bytes, n, ret_profile, error);
	case SOURCE_PERF_SCRIPT:
		return perf_script_decode(bytes, n, ret_profile, error);
	default:
		break;
	}
	if (n >= sizeof(perf_data) - 1 && !memcmp(bytes, perf_data, sizeof(perf_data) - 1))
		return profile_malformed(
			error, "is a perf.data file; give what `perf script` prints of it");
	if (is_binary(bytes, n))
		return pprof_decode(bytes, n, ret_profile, error);
	return profile_malformed(error, "its format is unknown");
}
