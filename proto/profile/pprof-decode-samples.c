/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Value types and samples of a pprof. The document wants a count first, so values are moved to where
 * `values` says; samples that another writer told apart by labels that we do not have become one.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/pprof-decode.h"
#include "proto/profile/pprof.h"

int pprof_decode_value_type(
	struct pprof_decoder *decoder, struct protobuf in, struct profile_value_type *ret_type)
{
	struct profile_value_type type = {};
	struct protobuf_field field;
	int r;

	while (!(r = pprof_next(decoder, &in, "value type", &field))) {
		if (field.number == PPROF_VALUE_TYPE_TYPE)
			r = pprof_string(decoder, field.value, &type.type);
		else if (field.number == PPROF_VALUE_TYPE_UNIT)
			r = pprof_string(decoder, field.value, &type.unit);
		if (r)
			return r;
	}
	r = pprof_ended(r);
	if (!r)
		*ret_type = type;
	return r;
}

/* Puts the types into the profile: the first that is a count, or one of ours; then the others. */
static int value_types_add(struct pprof_decoder *decoder, const struct profile_value_type *types)
{
	struct profile *profile = decoder->profile;
	size_t first = 0, n = 0;
	int r;

	while (first < decoder->n_types &&
		strcmp(profile_string(profile, types[first].unit), "count"))
		first++;
	if (first == decoder->n_types) {
		if (decoder->n_types == PROFILE_VALUES_MAX)
			return profile_malformed(
				decoder->error, "has %zu value types and no count", first);
		r = profile_add_value_type(profile, "samples", "count");
		if (r < 0)
			return r;
		decoder->is_count_added = true;
		n = 1;
	} else {
		profile->value_types[n++] = types[first];
		profile->n_value_types = n;
	}
	for (size_t i = 0; i < decoder->n_types; i++) {
		decoder->values[i] = i == first ? 0 : n;
		if (i == first)
			continue;
		profile->value_types[n++] = types[i];
		profile->n_value_types = n;
	}
	return 0;
}

static int value_types_decode(struct pprof_decoder *decoder)
{
	struct profile_value_type types[PROFILE_VALUES_MAX];
	struct protobuf in = decoder->message;
	struct protobuf_field field;
	int r;

	while (!(r = pprof_next_record(decoder, &in, PPROF_SAMPLE_TYPE, &field))) {
		if (decoder->n_types == PROFILE_VALUES_MAX)
			return profile_malformed(
				decoder->error, "has more than %d value types", PROFILE_VALUES_MAX);
		r = pprof_decode_value_type(decoder, field.bytes, &types[decoder->n_types]);
		if (r)
			return r;
		decoder->n_types++;
	}
	r = pprof_ended(r);
	if (r)
		return r;
	if (!decoder->n_types)
		return profile_malformed(
			decoder->error, "is no pprof: it says nowhere what its values are");
	return value_types_add(decoder, types);
}

static int location_add(struct pprof_decoder *decoder, uint64_t id)
{
	size_t position;
	int r = pprof_ids_find(decoder, &decoder->locations, id, &position);

	if (r)
		return r;
	r = pprof_stacks_push(&decoder->stacks, decoder->locations.values[position]);
	if (r == PPROF_STACK_TOO_DEEP)
		return profile_malformed(decoder->error,
			"sample %" PRIu64 " has a stack deeper than %d", decoder->n_samples,
			PPROF_DEPTH_MAX);
	return r;
}

static int value_add(struct pprof_decoder *decoder, struct pprof_sample *sample, uint64_t value)
{
	if (sample->n_values < decoder->n_types)
		sample->values[decoder->values[sample->n_values]] = (int64_t)value;
	sample->n_values++;
	return 0;
}

/* A repeated number stands alone or packed. */
static int numbers_decode(struct pprof_decoder *decoder, const struct protobuf_field *field,
	struct pprof_sample *sample)
{
	bool is_location = field->number == PPROF_SAMPLE_LOCATION_ID;
	struct protobuf in = field->bytes;
	uint64_t value = field->value;
	int r;

	if (field->type != PROTOBUF_BYTES)
		return is_location ? location_add(decoder, value)
				   : value_add(decoder, sample, value);
	while (!(r = protobuf_next_varint(&in, &value))) {
		r = is_location ? location_add(decoder, value) : value_add(decoder, sample, value);
		if (r)
			return r;
	}
	if (r == PROTOBUF_END)
		return 0;
	return profile_malformed(decoder->error,
		"is damaged: sample %" PRIu64 " ends in the middle of a number",
		decoder->n_samples);
}

static int sample_fields_decode(
	struct pprof_decoder *decoder, struct protobuf in, struct pprof_sample *sample)
{
	struct protobuf_field field;
	int r;

	while (!(r = pprof_next(decoder, &in, "sample", &field))) {
		if (field.number == PPROF_SAMPLE_LOCATION_ID || field.number == PPROF_SAMPLE_VALUE)
			r = numbers_decode(decoder, &field, sample);
		else if (field.number == PPROF_SAMPLE_LABEL)
			r = pprof_decode_label(decoder, field.bytes, sample);
		if (r)
			return r;
	}
	r = pprof_ended(r);
	if (r)
		return r;
	if (sample->n_values != decoder->n_types)
		return profile_malformed(decoder->error,
			"is damaged: sample %" PRIu64 " has %zu values where %zu are declared",
			decoder->n_samples, sample->n_values, decoder->n_types);
	return 0;
}

static int sample_decode(struct pprof_decoder *decoder, struct protobuf in)
{
	struct profile *profile = decoder->profile;
	struct pprof_sample sample = {.owner.process.uid = PROFILE_UID_UNKNOWN};
	int r;

	decoder->n_samples++;
	if (decoder->is_count_added)
		sample.values[0] = 1;
	r = sample_fields_decode(decoder, in, &sample);
	if (r)
		return r;
	r = pprof_stacks_pop(&decoder->stacks, profile, &sample.key.stack);
	if (r == 0)
		r = pprof_owner_add(decoder, &sample);
	return r < 0
		? r
		: pprof_stacks_add_sample(&decoder->stacks, profile, &sample.key, sample.values);
}

int pprof_decode_samples(struct pprof_decoder *decoder)
{
	struct protobuf in = decoder->message;
	struct protobuf_field field;
	int r = value_types_decode(decoder);

	if (r)
		return r;
	decoder->owners = calloc(PPROF_OWNERS, sizeof(*decoder->owners));
	if (!decoder->owners)
		return -ENOMEM;
	while (!(r = pprof_next_record(decoder, &in, PPROF_SAMPLE, &field))) {
		r = sample_decode(decoder, field.bytes);
		if (r)
			return r;
	}
	return pprof_ended(r);
}
