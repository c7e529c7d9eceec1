/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Fields may come in any order, and what refers may come before what it refers to; so the message is
 * gone over once for each kind of record: texts, mappings, functions, locations, samples. That costs
 * little, since a record that is not wanted is one length to skip, and it needs no copies. Nothing
 * of a file is believed: ids are looked up, numbers that do not fit become "unknown".
 */

#include "proto/profile/pprof-decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/profile/pprof-gzip.h"
#include "proto/profile/pprof.h"
#include "proto/profile/profile-json.h"

static void ids_done(struct pprof_ids *ids)
{
	free(ids->keys);
	free(ids->values);
	hash_done(&ids->hash);
}

static void decoder_done(struct pprof_decoder *decoder)
{
	profile_unref(decoder->profile);
	free(decoder->texts);
	ids_done(&decoder->mappings);
	ids_done(&decoder->functions);
	ids_done(&decoder->locations);
	free(decoder->ranges);
	pprof_stacks_done(&decoder->stacks);
	free(decoder->owners);
}

int pprof_next(struct pprof_decoder *decoder, struct protobuf *in, const char *what,
	struct protobuf_field *ret_field)
{
	int r = protobuf_next(in, ret_field);

	if (r == PROTOBUF_MALFORMED)
		profile_malformed(decoder->error,
			"is no pprof, or damaged: it ends in the middle of a %s, near byte %td",
			what, in->at - decoder->message.at);
	return r;
}

int pprof_next_record(struct pprof_decoder *decoder, struct protobuf *in, uint32_t number,
	struct protobuf_field *ret_field)
{
	struct protobuf_field field;
	int r;

	do
		r = pprof_next(decoder, in, "field", &field);
	while (!r && (field.number != number || field.type != PROTOBUF_BYTES));
	if (!r)
		*ret_field = field;
	return r;
}

int pprof_ended(int r)
{
	return r == PROTOBUF_END ? 0 : PROFILE_MALFORMED;
}

static bool key_is_equal(const void *table, uint32_t id, const void *key)
{
	return ((const struct pprof_ids *)table)->keys[id - 1] == *(const uint64_t *)key;
}

int pprof_ids_find(struct pprof_decoder *decoder, const struct pprof_ids *ids, uint64_t key,
	size_t *ret_position)
{
	uint32_t at = 0;

	if (!ids->is_sparse && key - 1 < ids->n) {
		*ret_position = key - 1;
		return 0;
	}
	if (ids->is_sparse)
		at = hash_find(&ids->hash, hash_bytes(&key, sizeof(key)), key_is_equal, ids, &key);
	if (!at)
		return profile_malformed(decoder->error,
			"is damaged: it refers to %s %" PRIu64 ", which is not there", ids->what,
			key);
	*ret_position = at - 1;
	return 0;
}

/* Before a key is added that breaks the count from 1: all before it go into the hash. */
static int ids_index(struct pprof_ids *ids, uint64_t key)
{
	int r = 0;

	if (ids->is_sparse || key == ids->n + 1)
		return 0;
	ids->is_sparse = true;
	for (size_t i = 0; r == 0 && i < ids->n; i++)
		r = hash_add(
			&ids->hash, hash_bytes(&ids->keys[i], sizeof(*ids->keys)), (uint32_t)i + 1);
	return r;
}

int pprof_ids_add(
	struct pprof_decoder *decoder, struct pprof_ids *ids, uint64_t key, uint32_t value)
{
	int r = ids_index(ids, key);

	if (r < 0)
		return r;
	if (!key)
		return profile_malformed(decoder->error, "is damaged: a %s has no id", ids->what);
	if (ids->is_sparse &&
		hash_find(&ids->hash, hash_bytes(&key, sizeof(key)), key_is_equal, ids, &key))
		return profile_malformed(
			decoder->error, "is damaged: two %ss have the id %" PRIu64, ids->what, key);
	if (ids->n >= INT32_MAX)
		return -E2BIG;
	r = array_reserve(&ids->keys, &ids->n_keys_allocated, ids->n + 1, sizeof(*ids->keys));
	if (r < 0)
		return r;
	r = array_reserve(&ids->values, &ids->n_values_allocated, ids->n + 1, sizeof(*ids->values));
	if (r < 0)
		return r;
	ids->keys[ids->n] = key;
	ids->values[ids->n] = value;
	ids->n++;
	return ids->is_sparse
		? hash_add(&ids->hash, hash_bytes(&key, sizeof(key)), (uint32_t)ids->n)
		: 0;
}

static int texts_decode(struct pprof_decoder *decoder)
{
	struct protobuf in = decoder->message;
	struct protobuf_field field;
	int r;

	while (!(r = pprof_next_record(decoder, &in, PPROF_STRING_TABLE, &field))) {
		r = array_reserve(&decoder->texts, &decoder->n_texts_allocated,
			decoder->n_texts + 1, sizeof(*decoder->texts));
		if (r < 0)
			return r;
		decoder->texts[decoder->n_texts++] = (struct pprof_text){
			.bytes = (const char *)field.bytes.at,
			.size = (uint32_t)(field.bytes.end - field.bytes.at),
			.id = UINT32_MAX,
		};
	}
	return pprof_ended(r);
}

int pprof_string(struct pprof_decoder *decoder, uint64_t index, uint32_t *ret_id)
{
	struct pprof_text *text;

	if (!index) {
		*ret_id = 0;
		return 0;
	}
	if (index >= decoder->n_texts)
		return profile_malformed(decoder->error,
			"is damaged: it refers to text %" PRIu64 " of %zu", index,
			decoder->n_texts);
	text = &decoder->texts[index];
	if (text->id == UINT32_MAX) {
		int r = profile_add_string_n(decoder->profile, text->bytes, text->size, &text->id);

		if (r < 0)
			return r;
	}
	*ret_id = text->id;
	return 0;
}

/* Is there a comment of ours? Its text, if so; else NULL. */
static const struct pprof_text *comment_find(struct pprof_decoder *decoder, uint64_t index)
{
	static const char start[] = "{\"perfctl\":";
	const struct pprof_text *text;

	if (index >= decoder->n_texts)
		return NULL;
	text = &decoder->texts[index];
	if (text->size < sizeof(start) || memcmp(text->bytes, start, sizeof(start) - 1))
		return NULL;
	return text;
}

/* The numbers and the comment of the profile itself. */
struct header {
	uint64_t time_ns, duration_ns, period;
	struct protobuf period_type;
	const struct pprof_text *comment;
};

static int header_decode(struct pprof_decoder *decoder, struct header *header)
{
	struct protobuf in = decoder->message;
	struct protobuf_field field;
	uint64_t comment;
	int r;

	while (!(r = pprof_next(decoder, &in, "field", &field))) {
		switch (field.number) {
		case PPROF_TIME_NANOS:
			header->time_ns = field.value;
			break;
		case PPROF_DURATION_NANOS:
			header->duration_ns = field.value;
			break;
		case PPROF_PERIOD:
			header->period = field.value;
			break;
		case PPROF_PERIOD_TYPE:
			header->period_type = field.bytes;
			break;
		case PPROF_COMMENT:
			comment = field.value;
			if (field.type == PROTOBUF_BYTES)
				protobuf_next_varint(&field.bytes, &comment);
			if (!header->comment)
				header->comment = comment_find(decoder, comment);
			break;
		default:
			break;
		}
	}
	decoder->is_ours = header->comment;
	return pprof_ended(r);
}

/* What the header of a foreign profile tells of its conditions. */
static int header_apply(struct pprof_decoder *decoder, const struct header *header)
{
	struct profile *profile = decoder->profile;
	struct profile_conditions *conditions = &profile->conditions;
	struct profile_value_type type;
	int r;

	if (header->time_ns <= INT64_MAX)
		conditions->start_realtime_ns = header->time_ns;
	if (header->duration_ns <= INT64_MAX)
		conditions->duration_ns = header->duration_ns;
	if (header->period_type.at == header->period_type.end)
		return 0;
	r = pprof_decode_value_type(decoder, header->period_type, &type);
	if (r)
		return r;
	conditions->event = type.type;
	if (header->period && header->period <= INT64_MAX &&
		!strcmp(profile_string(profile, type.unit), "nanoseconds"))
		conditions->frequency_asked = 1e9 / (double)header->period;
	return 0;
}

static int conditions_decode(struct pprof_decoder *decoder, const struct header *header)
{
	struct profile *profile = decoder->profile;
	int r = decoder->is_ours
		? profile_json_decode(profile, header->comment->bytes, header->comment->size)
		: PROFILE_JSON_FOREIGN;

	if (r < 0)
		return r;
	if (r == PROFILE_JSON_FOREIGN) {
		r = header_apply(decoder, header);
		if (r)
			return r;
	}
	r = profile_count_samples(profile);
	if (r < 0)
		return r;
	profile_balance(profile);
	return 0;
}

static int message_decode(struct pprof_decoder *decoder)
{
	struct header header = {};
	int r = texts_decode(decoder);

	if (r)
		return r;
	r = header_decode(decoder, &header);
	if (r)
		return r;
	r = pprof_decode_tables(decoder);
	if (r)
		return r;
	r = pprof_decode_samples(decoder);
	if (r)
		return r;
	return conditions_decode(decoder, &header);
}

int pprof_decode(
	const void *bytes, size_t n, struct profile **ret_profile, struct profile_error *error)
{
	CLEANUP(buffer_done) struct buffer inflated = {};
	CLEANUP(decoder_done)
	struct pprof_decoder decoder = {
		.error = error,
		.mappings.what = "mapping",
		.functions.what = "function",
		.locations.what = "location",
	};
	int r;

	if (pprof_is_gzip(bytes, n)) {
		r = pprof_inflate(bytes, n, PPROF_BYTES_MAX, &inflated, error);
		if (r)
			return r;
		bytes = inflated.data;
		n = inflated.size;
	}
	if (!n)
		return profile_malformed(error, "is empty");
	if (n > PPROF_BYTES_MAX)
		return profile_malformed(error, "is larger than %u MiB", PPROF_BYTES_MAX >> 20);
	decoder.message = (struct protobuf){.at = bytes, .end = (const uint8_t *)bytes + n};
	decoder.profile = profile_new();
	if (!decoder.profile)
		return -ENOMEM;
	r = message_decode(&decoder);
	if (r)
		return r;
	profile_seal(decoder.profile);
	*ret_profile = TAKE(decoder.profile);
	return 0;
}
