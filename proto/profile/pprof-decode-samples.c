/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Value types and samples of a pprof. The document wants a count first, so values are moved to where
 * `values` says; samples that another writer told apart by labels that we do not have become one.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/profile/pprof-decode.h"
#include "proto/profile/pprof.h"

const char *const pprof_label_names[PPROF_N_LABELS] = {
	[PPROF_LABEL_COMM] = "comm",
	[PPROF_LABEL_PID] = "pid",
	[PPROF_LABEL_UID] = "uid",
	[PPROF_LABEL_START_NS] = "start_ns",
	[PPROF_LABEL_EXE] = "exe",
	[PPROF_LABEL_UNIT] = "unit",
	[PPROF_LABEL_CONTAINER] = "container",
	[PPROF_LABEL_CGROUP] = "cgroup",
	[PPROF_LABEL_VISIBLE_TO] = "visible_to",
	[PPROF_LABEL_TID] = "tid",
	[PPROF_LABEL_THREAD] = "thread",
	[PPROF_LABEL_SLICE_MS] = "slice_ms",
	[PPROF_LABEL_TRUNCATED] = "truncated",
	[PPROF_LABEL_NO_USER_STACK] = "no_user_stack",
};

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

/* A sample while it is read. */
struct sample {
	int64_t values[PROFILE_VALUES_MAX];
	size_t n_values;
	struct profile_sample key;
	struct profile_process process;
	struct profile_thread thread;
	bool has_process, has_thread;
};

static int location_add(struct pprof_decoder *decoder, uint64_t id)
{
	size_t position;
	int r = pprof_ids_find(decoder, &decoder->locations, id, &position);

	if (r)
		return r;
	if (decoder->n_frames >= PPROF_DEPTH_MAX)
		return profile_malformed(decoder->error,
			"sample %" PRIu64 " has a stack deeper than %d", decoder->n_samples,
			PPROF_DEPTH_MAX);
	r = array_reserve(&decoder->frames, &decoder->n_frames_allocated, decoder->n_frames + 1,
		sizeof(*decoder->frames));
	if (r < 0)
		return r;
	decoder->frames[decoder->n_frames++] = decoder->locations.values[position];
	return 0;
}

static int value_add(struct pprof_decoder *decoder, struct sample *sample, uint64_t value)
{
	if (sample->n_values < decoder->n_types)
		sample->values[decoder->values[sample->n_values]] = (int64_t)value;
	sample->n_values++;
	return 0;
}

/* A repeated number stands alone or packed. */
static int numbers_decode(
	struct pprof_decoder *decoder, const struct protobuf_field *field, struct sample *sample)
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

static uint32_t number_32(uint64_t value)
{
	return value <= UINT32_MAX ? (uint32_t)value : 0;
}

struct label {
	uint64_t key, text, number;
};

static void number_label_apply(struct sample *sample, enum pprof_label label, uint64_t number)
{
	switch (label) {
	case PPROF_LABEL_PID:
		sample->process.pid = number_32(number);
		break;
	case PPROF_LABEL_UID:
		sample->process.uid = number <= UINT32_MAX ? (uint32_t)number : PROFILE_UID_UNKNOWN;
		break;
	case PPROF_LABEL_VISIBLE_TO:
		sample->process.visible_to = number_32(number);
		break;
	case PPROF_LABEL_START_NS:
		sample->process.start_ns = number;
		break;
	case PPROF_LABEL_TID:
		sample->thread.tid = number_32(number);
		break;
	case PPROF_LABEL_SLICE_MS:
		sample->key.slice = number_32(number / PROFILE_SLICE_MS);
		break;
	default:
		break;
	}
}

static int text_label_apply(
	struct pprof_decoder *decoder, struct sample *sample, enum pprof_label label, uint64_t text)
{
	switch (label) {
	case PPROF_LABEL_COMM:
		return pprof_string(decoder, text, &sample->process.comm);
	case PPROF_LABEL_EXE:
		return pprof_string(decoder, text, &sample->process.exe);
	case PPROF_LABEL_UNIT:
		return pprof_string(decoder, text, &sample->process.unit);
	case PPROF_LABEL_CONTAINER:
		return pprof_string(decoder, text, &sample->process.container);
	case PPROF_LABEL_CGROUP:
		return pprof_string(decoder, text, &sample->process.cgroup);
	case PPROF_LABEL_THREAD:
		return pprof_string(decoder, text, &sample->thread.name);
	case PPROF_LABEL_TRUNCATED:
		sample->key.stop_class = PROFILE_STOP_TRUNCATED;
		return pprof_string(decoder, text, &sample->key.stop);
	case PPROF_LABEL_NO_USER_STACK:
		sample->key.stop_class = PROFILE_STOP_NO_USER_STACK;
		return pprof_string(decoder, text, &sample->key.stop);
	default:
		return 0;
	}
}

static int label_apply(
	struct pprof_decoder *decoder, struct sample *sample, const struct label *label)
{
	const struct pprof_text *key;
	size_t i = 0;

	if (label->key >= decoder->n_texts)
		return profile_malformed(decoder->error,
			"is damaged: it refers to text %" PRIu64 " of %zu", label->key,
			decoder->n_texts);
	key = &decoder->texts[label->key];
	while (i < PPROF_N_LABELS &&
		(key->size != strlen(pprof_label_names[i]) ||
			memcmp(key->bytes, pprof_label_names[i], key->size)))
		i++;
	if (i == PPROF_N_LABELS)
		return 0;
	if (i <= PPROF_LABEL_CGROUP)
		sample->has_process = true;
	if (i <= PPROF_LABEL_THREAD)
		sample->has_thread = true;
	number_label_apply(sample, (enum pprof_label)i, label->number);
	return text_label_apply(decoder, sample, (enum pprof_label)i, label->text);
}

static int label_decode(struct pprof_decoder *decoder, struct protobuf in, struct sample *sample)
{
	struct protobuf_field field;
	struct label label = {};
	int r;

	while (!(r = pprof_next(decoder, &in, "label", &field))) {
		if (field.number == PPROF_LABEL_KEY)
			label.key = field.value;
		else if (field.number == PPROF_LABEL_STR)
			label.text = field.value;
		else if (field.number == PPROF_LABEL_NUM)
			label.number = field.value;
	}
	r = pprof_ended(r);
	return r ? r : label_apply(decoder, sample, &label);
}

static int sample_fields_decode(
	struct pprof_decoder *decoder, struct protobuf in, struct sample *sample)
{
	struct protobuf_field field;
	int r;

	decoder->n_frames = 0;
	while (!(r = pprof_next(decoder, &in, "sample", &field))) {
		if (field.number == PPROF_SAMPLE_LOCATION_ID || field.number == PPROF_SAMPLE_VALUE)
			r = numbers_decode(decoder, &field, sample);
		else if (field.number == PPROF_SAMPLE_LABEL)
			r = label_decode(decoder, field.bytes, sample);
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

static int owner_add(struct profile *profile, struct sample *sample)
{
	int r;

	if (sample->has_process) {
		r = profile_add_process(profile, &sample->process, &sample->thread.process);
		if (r < 0)
			return r;
	}
	return sample->has_thread
		? profile_add_thread(profile, &sample->thread, &sample->key.thread)
		: 0;
}

static int sample_decode(struct pprof_decoder *decoder, struct protobuf in)
{
	struct profile *profile = decoder->profile;
	struct sample sample = {.process.uid = PROFILE_UID_UNKNOWN};
	int r;

	decoder->n_samples++;
	if (decoder->is_count_added)
		sample.values[0] = 1;
	r = sample_fields_decode(decoder, in, &sample);
	if (r)
		return r;
	for (size_t i = decoder->n_frames; i-- > 0;) {
		r = profile_add_stack(
			profile, sample.key.stack, decoder->frames[i], &sample.key.stack);
		if (r < 0)
			return r;
	}
	r = owner_add(profile, &sample);
	return r < 0 ? r : profile_add_sample(profile, &sample.key, sample.values);
}

int pprof_decode_samples(struct pprof_decoder *decoder)
{
	struct protobuf in = decoder->message;
	struct protobuf_field field;
	int r = value_types_decode(decoder);

	if (r)
		return r;
	while (!(r = pprof_next_record(decoder, &in, PPROF_SAMPLE, &field))) {
		r = sample_decode(decoder, field.bytes);
		if (r)
			return r;
	}
	return pprof_ended(r);
}
