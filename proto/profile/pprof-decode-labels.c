/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Labels say whose a sample is, when it was taken and why its stack is not complete. Samples have few
 * owners, each of them thousands of times: which record an owner has is remembered, as is which label
 * a text is.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "proto/profile/pprof-decode.h"

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

static uint32_t number_32(uint64_t value)
{
	return value <= UINT32_MAX ? (uint32_t)value : 0;
}

struct label {
	uint64_t key, text, number;
};

static void number_label_apply(struct pprof_sample *sample, enum pprof_label label, uint64_t number)
{
	switch (label) {
	case PPROF_LABEL_PID:
		sample->owner.process.pid = number_32(number);
		break;
	case PPROF_LABEL_UID:
		sample->owner.process.uid = number <= UINT32_MAX ? (uint32_t)number
								 : PROFILE_UID_UNKNOWN;
		break;
	case PPROF_LABEL_VISIBLE_TO:
		sample->owner.process.visible_to = number_32(number);
		break;
	case PPROF_LABEL_START_NS:
		sample->owner.process.start_ns = number;
		break;
	case PPROF_LABEL_TID:
		sample->owner.thread.tid = number_32(number);
		break;
	case PPROF_LABEL_SLICE_MS:
		sample->key.slice = number_32(number / PROFILE_SLICE_MS);
		break;
	default:
		break;
	}
}

static int text_label_apply(struct pprof_decoder *decoder, struct pprof_sample *sample,
	enum pprof_label label, uint64_t text)
{
	switch (label) {
	case PPROF_LABEL_COMM:
		return pprof_string(decoder, text, &sample->owner.process.comm);
	case PPROF_LABEL_EXE:
		return pprof_string(decoder, text, &sample->owner.process.exe);
	case PPROF_LABEL_UNIT:
		return pprof_string(decoder, text, &sample->owner.process.unit);
	case PPROF_LABEL_CONTAINER:
		return pprof_string(decoder, text, &sample->owner.process.container);
	case PPROF_LABEL_CGROUP:
		return pprof_string(decoder, text, &sample->owner.process.cgroup);
	case PPROF_LABEL_THREAD:
		return pprof_string(decoder, text, &sample->owner.thread.name);
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

/* 1 + which it is, or UINT32_MAX. */
static uint32_t label_find(const struct pprof_text *key)
{
	for (uint32_t i = 0; i < PPROF_N_LABELS; i++)
		if (key->size == strlen(pprof_label_names[i]) &&
			!memcmp(key->bytes, pprof_label_names[i], key->size))
			return i + 1;
	return UINT32_MAX;
}

static int label_apply(
	struct pprof_decoder *decoder, struct pprof_sample *sample, const struct label *label)
{
	struct pprof_text *key;
	uint32_t i;

	if (label->key >= decoder->n_texts)
		return profile_malformed(decoder->error,
			"is damaged: it refers to text %" PRIu64 " of %zu", label->key,
			decoder->n_texts);
	key = &decoder->texts[label->key];
	if (!key->label)
		key->label = label_find(key);
	if (key->label == UINT32_MAX)
		return 0;
	i = key->label - 1;
	if (i <= PPROF_LABEL_CGROUP)
		sample->owner.has_process = true;
	if (i <= PPROF_LABEL_THREAD)
		sample->owner.has_thread = true;
	number_label_apply(sample, (enum pprof_label)i, label->number);
	return text_label_apply(decoder, sample, (enum pprof_label)i, label->text);
}

int pprof_decode_label(
	struct pprof_decoder *decoder, struct protobuf in, struct pprof_sample *sample)
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

static bool owner_is_equal(const struct pprof_owner *a, const struct pprof_owner *b)
{
	return a->has_process == b->has_process &&
		!memcmp(&a->process, &b->process, sizeof(a->process)) &&
		!memcmp(&a->thread, &b->thread, sizeof(a->thread));
}

int pprof_owner_add(struct pprof_decoder *decoder, struct pprof_sample *sample)
{
	struct pprof_owner *owner = &sample->owner;
	struct pprof_owner *known = &decoder->owners[owner->thread.tid % PPROF_OWNERS];
	struct pprof_owner asked = *owner;
	int r = 0;

	if (!owner->has_thread)
		return 0;
	if (known->has_thread && owner_is_equal(known, owner)) {
		sample->key.thread = known->id;
		return 0;
	}
	if (owner->has_process)
		r = profile_add_process(decoder->profile, &owner->process, &owner->thread.process);
	if (r == 0)
		r = profile_add_thread(decoder->profile, &owner->thread, &asked.id);
	if (r < 0)
		return r;
	sample->key.thread = asked.id;
	*known = asked;
	return 0;
}
