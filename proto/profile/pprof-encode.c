/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ids of the profile's tables are pprof's ids as they are. Texts go into pprof's string table when
 * they are first used. Mappings span the whole address space from 0: pprof takes that to mean that
 * addresses need no adjustment, and since no mapping ends where another begins it never joins two.
 * All of a mapping's has_… flags are set, so that pprof does not try to name anything anew.
 */

#include "proto/profile/pprof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/profile/pprof-encode-order.h"
#include "proto/profile/pprof-fields.h"
#include "proto/profile/pprof-gzip.h"
#include "proto/profile/profile-json.h"
#include "proto/profile/protobuf.h"

struct encoder {
	const struct profile *profile;
	struct buffer out;
	struct buffer part, inner; /* a message within out, and one within that */
	uint32_t *string_ids; /* the profile's string -> pprof's; 0: not yet */
	const char **texts; /* pprof's string table, borrowed */
	size_t n_texts, n_texts_allocated;
	uint64_t labels[PPROF_N_LABELS]; /* pprof's strings: the keys, */
	uint64_t ms, ns; /* and units */
	uint64_t gave_up; /* why a frame that waits for its name has none; 0: not yet */
	uint32_t *order; /* of samples */
	struct buffer *thread_labels; /* by thread: its labels as they stand in a sample */
};

static void encoder_done(struct encoder *encoder)
{
	buffer_done(&encoder->out);
	buffer_done(&encoder->part);
	buffer_done(&encoder->inner);
	free(encoder->string_ids);
	free(encoder->texts);
	free(encoder->order);
	for (size_t i = 0; encoder->thread_labels && i < encoder->profile->n_threads; i++)
		buffer_done(&encoder->thread_labels[i]);
	free(encoder->thread_labels);
}

/* A new entry of the string table; without memory it is "", and `out` remembers the error. */
static uint64_t text_put(struct encoder *encoder, const char *text)
{
	if (array_reserve(&encoder->texts, &encoder->n_texts_allocated, encoder->n_texts + 1,
		    sizeof(*encoder->texts)) < 0) {
		encoder->out.error = -ENOMEM;
		return 0;
	}
	encoder->texts[encoder->n_texts] = text;
	return encoder->n_texts++;
}

static uint64_t string_put(struct encoder *encoder, uint32_t id)
{
	if (id && !encoder->string_ids[id])
		encoder->string_ids[id] = (uint32_t)text_put(
			encoder, profile_string(encoder->profile, id));
	return encoder->string_ids[id];
}

/* Appends what was gathered in `part` as a field of the profile. */
static void part_put(struct encoder *encoder, uint32_t number)
{
	if (buffer_error(&encoder->part))
		encoder->out.error = -ENOMEM;
	protobuf_put_bytes(&encoder->out, number, encoder->part.data, encoder->part.size);
	buffer_clear(&encoder->part);
}

static void value_type_put(
	struct encoder *encoder, uint32_t number, const struct profile_value_type *type)
{
	protobuf_put_number(&encoder->part, PPROF_VALUE_TYPE_TYPE, string_put(encoder, type->type));
	protobuf_put_number(&encoder->part, PPROF_VALUE_TYPE_UNIT, string_put(encoder, type->unit));
	part_put(encoder, number);
}

static void label_put_string(
	struct encoder *encoder, struct buffer *out, enum pprof_label label, uint32_t string)
{
	buffer_clear(&encoder->inner);
	protobuf_put_number(&encoder->inner, PPROF_LABEL_KEY, encoder->labels[label]);
	protobuf_put_number(&encoder->inner, PPROF_LABEL_STR, string_put(encoder, string));
	protobuf_put_bytes(out, PPROF_SAMPLE_LABEL, encoder->inner.data, encoder->inner.size);
}

static void label_put_number(struct encoder *encoder, struct buffer *out, enum pprof_label label,
	uint64_t number, uint64_t unit)
{
	buffer_clear(&encoder->inner);
	protobuf_put_number(&encoder->inner, PPROF_LABEL_KEY, encoder->labels[label]);
	protobuf_put_number(&encoder->inner, PPROF_LABEL_NUM, number);
	protobuf_put_number(&encoder->inner, PPROF_LABEL_NUM_UNIT, unit);
	protobuf_put_bytes(out, PPROF_SAMPLE_LABEL, encoder->inner.data, encoder->inner.size);
}

/* The labels that all samples of a thread share. */
static void thread_put(struct encoder *encoder, uint32_t id)
{
	const struct profile *profile = encoder->profile;
	const struct profile_thread *thread = &profile->threads[id];
	const struct profile_process *process = &profile->processes[thread->process];
	struct buffer *out = &encoder->thread_labels[id];
	const struct {
		enum pprof_label label;
		uint32_t string;
	} strings[] = {{PPROF_LABEL_COMM, process->comm}, {PPROF_LABEL_EXE, process->exe},
		{PPROF_LABEL_UNIT, process->unit}, {PPROF_LABEL_CONTAINER, process->container},
		{PPROF_LABEL_CGROUP, process->cgroup}, {PPROF_LABEL_THREAD, thread->name}};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		if (strings[i].string)
			label_put_string(encoder, out, strings[i].label, strings[i].string);
	label_put_number(encoder, out, PPROF_LABEL_TID, thread->tid, 0);
	if (!thread->process)
		return;
	label_put_number(encoder, out, PPROF_LABEL_PID, process->pid, 0);
	if (process->uid != PROFILE_UID_UNKNOWN)
		label_put_number(encoder, out, PPROF_LABEL_UID, process->uid, 0);
	if (process->visible_to)
		label_put_number(encoder, out, PPROF_LABEL_VISIBLE_TO, process->visible_to, 0);
	if (process->start_ns)
		label_put_number(
			encoder, out, PPROF_LABEL_START_NS, process->start_ns, encoder->ns);
}

static void sample_put(struct encoder *encoder, size_t i)
{
	const struct profile *profile = encoder->profile;
	const struct profile_sample *sample = &profile->samples[i];
	struct buffer *part = &encoder->part, *inner = &encoder->inner;
	const struct buffer *labels = &encoder->thread_labels[sample->thread];

	buffer_clear(inner);
	for (uint32_t at = sample->stack; at; at = profile->stacks[at].parent)
		protobuf_put_varint(inner, profile->stacks[at].frame);
	if (inner->size)
		protobuf_put_bytes(part, PPROF_SAMPLE_LOCATION_ID, inner->data, inner->size);
	buffer_clear(inner);
	for (size_t type = 0; type < profile->n_value_types; type++)
		protobuf_put_varint(inner, (uint64_t)profile_value(profile, i, type));
	protobuf_put_bytes(part, PPROF_SAMPLE_VALUE, inner->data, inner->size);
	buffer_append(part, labels->data, labels->size);
	label_put_number(encoder, part, PPROF_LABEL_SLICE_MS,
		(uint64_t)sample->slice * PROFILE_SLICE_MS, encoder->ms);
	if (sample->stop_class == PROFILE_STOP_TRUNCATED)
		label_put_string(encoder, part, PPROF_LABEL_TRUNCATED, sample->stop);
	else if (sample->stop_class == PROFILE_STOP_NO_USER_STACK)
		label_put_string(encoder, part, PPROF_LABEL_NO_USER_STACK, sample->stop);
	part_put(encoder, PPROF_SAMPLE);
}

static void mapping_put(struct encoder *encoder, size_t id)
{
	const struct profile_mapping *mapping = &encoder->profile->mappings[id];
	struct buffer *part = &encoder->part;

	protobuf_put_number(part, PPROF_MAPPING_ID, id);
	protobuf_put_number(part, PPROF_MAPPING_LIMIT, UINT64_MAX);
	protobuf_put_number(part, PPROF_MAPPING_FILENAME, string_put(encoder, mapping->path));
	protobuf_put_number(part, PPROF_MAPPING_BUILD_ID, string_put(encoder, mapping->build_id));
	protobuf_put_number(part, PPROF_MAPPING_HAS_FUNCTIONS, 1);
	protobuf_put_number(part, PPROF_MAPPING_HAS_FILENAMES, 1);
	protobuf_put_number(part, PPROF_MAPPING_HAS_LINE_NUMBERS, 1);
	protobuf_put_number(part, PPROF_MAPPING_HAS_INLINE_FRAMES, 1);
	part_put(encoder, PPROF_MAPPING);
}

static void location_put(struct encoder *encoder, size_t id)
{
	const struct profile *profile = encoder->profile;
	const struct profile_frame *frame = &profile->frames[id];
	struct buffer *part = &encoder->part;
	bool is_waiting = !frame->n_lines && !frame->unnamed;

	if (is_waiting && !encoder->gave_up)
		encoder->gave_up = text_put(encoder, "gave-up");
	protobuf_put_number(part, PPROF_LOCATION_ID, id);
	protobuf_put_number(part, PPROF_LOCATION_MAPPING_ID, frame->mapping);
	protobuf_put_number(part, PPROF_LOCATION_ADDRESS, frame->address);
	for (size_t i = 0; i < frame->n_lines; i++) {
		const struct profile_line *line = &profile->lines[frame->first_line + i];

		buffer_clear(&encoder->inner);
		protobuf_put_number(&encoder->inner, PPROF_LINE_FUNCTION_ID, line->function);
		protobuf_put_number(&encoder->inner, PPROF_LINE_LINE, line->line);
		protobuf_put_bytes(
			part, PPROF_LOCATION_LINE, encoder->inner.data, encoder->inner.size);
	}
	protobuf_put_number(part, PPROF_LOCATION_KIND, frame->kind);
	protobuf_put_number(part, PPROF_LOCATION_UNNAMED,
		is_waiting ? encoder->gave_up : string_put(encoder, frame->unnamed));
	part_put(encoder, PPROF_LOCATION);
}

static void function_put(struct encoder *encoder, size_t id)
{
	const struct profile_function *function = &encoder->profile->functions[id];
	struct buffer *part = &encoder->part;

	protobuf_put_number(part, PPROF_FUNCTION_ID, id);
	protobuf_put_number(part, PPROF_FUNCTION_NAME, string_put(encoder, function->name));
	protobuf_put_number(
		part, PPROF_FUNCTION_SYSTEM_NAME, string_put(encoder, function->system_name));
	protobuf_put_number(part, PPROF_FUNCTION_FILENAME, string_put(encoder, function->file));
	protobuf_put_number(part, PPROF_FUNCTION_START_LINE, function->start_line);
	part_put(encoder, PPROF_FUNCTION);
}

static void tables_put(struct encoder *encoder)
{
	const struct profile *profile = encoder->profile;

	for (size_t i = 0; i < profile->n_value_types; i++)
		value_type_put(encoder, PPROF_SAMPLE_TYPE, &profile->value_types[i]);
	for (uint32_t i = 1; i < profile->n_threads; i++)
		thread_put(encoder, i);
	for (size_t i = 0; i < profile->n_samples; i++)
		sample_put(encoder, encoder->order[i]);
	for (size_t i = 1; i < profile->n_mappings; i++)
		mapping_put(encoder, i);
	for (size_t i = 1; i < profile->n_frames; i++)
		location_put(encoder, i);
	for (size_t i = 1; i < profile->n_functions; i++)
		function_put(encoder, i);
}

/* What is in no table; the string table comes last, when all texts were met. */
static void rest_put(struct encoder *encoder, const char *comment)
{
	const struct profile *profile = encoder->profile;
	const struct profile_conditions *conditions = &profile->conditions;
	uint64_t comment_id = text_put(encoder, comment);
	double frequency = conditions->frequency_asked;
	struct buffer *out = &encoder->out;

	protobuf_put_number(out, PPROF_TIME_NANOS, conditions->start_realtime_ns);
	protobuf_put_number(out, PPROF_DURATION_NANOS, conditions->duration_ns);
	if (profile->n_value_types)
		value_type_put(encoder, PPROF_PERIOD_TYPE,
			&profile->value_types[profile->n_value_types - 1]);
	if (frequency >= 1e-9 && frequency <= 1e9)
		protobuf_put_number(out, PPROF_PERIOD, (uint64_t)(1e9 / frequency + 0.5));
	protobuf_put_number(out, PPROF_COMMENT, comment_id);
	for (size_t i = 0; i < encoder->n_texts; i++)
		protobuf_put_bytes(
			out, PPROF_STRING_TABLE, encoder->texts[i], strlen(encoder->texts[i]));
}

int pprof_encode(const struct profile *profile, struct buffer *out)
{
	CLEANUP(encoder_done) struct encoder encoder = {.profile = profile};
	CLEANUP(freep) char *comment = NULL;
	int r = profile_json_encode(profile, &comment);

	if (r < 0)
		return r;
	encoder.string_ids = calloc(profile->strings.n, sizeof(*encoder.string_ids));
	encoder.thread_labels = calloc(profile->n_threads, sizeof(*encoder.thread_labels));
	if (!encoder.string_ids || !encoder.thread_labels)
		return -ENOMEM;
	r = pprof_order_samples(profile, &encoder.order);
	if (r < 0)
		return r;
	text_put(&encoder, "");
	for (size_t i = 0; i < PPROF_N_LABELS; i++)
		encoder.labels[i] = text_put(&encoder, pprof_label_names[i]);
	encoder.ms = text_put(&encoder, "milliseconds");
	encoder.ns = text_put(&encoder, "nanoseconds");
	tables_put(&encoder);
	rest_put(&encoder, comment);
	for (size_t i = 0; i < profile->n_threads; i++)
		if (buffer_error(&encoder.thread_labels[i]))
			return -ENOMEM;
	if (buffer_error(&encoder.out) || buffer_error(&encoder.inner))
		return -ENOMEM;
	return pprof_deflate(encoder.out.data, encoder.out.size, out);
}
