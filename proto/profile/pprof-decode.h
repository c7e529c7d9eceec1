/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the parts of the pprof reader share: tables (pprof-decode-tables.c), samples
 * (pprof-decode-samples.c), and what these are made of (pprof-decode-labels.c, -stacks.c). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/hash.h"
#include "proto/profile/pprof-decode-stacks.h"
#include "proto/profile/pprof-fields.h"
#include "proto/profile/profile.h"
#include "proto/profile/protobuf.h"

/* pprof's ids of one kind of record, any numbers but 0, and ours. */
struct pprof_ids {
	const char *what; /* "location" */
	uint64_t *keys;
	uint32_t *values;
	size_t n, n_keys_allocated, n_values_allocated;
	bool is_sparse; /* else key i stands at i - 1, as most writers count; not in the hash then */
	struct hash hash;
};

/* A text of the string table; `id` is the profile's, once it was asked for. */
struct pprof_text {
	const char *bytes;
	uint32_t size;
	uint32_t id; /* UINT32_MAX: not yet */
	uint32_t label; /* 1 + enum pprof_label; 0: not yet looked for, UINT32_MAX: none of ours */
};

/* Where a mapping of another writer lay in memory. */
struct pprof_range {
	uint64_t start, limit, offset;
};

struct pprof_decoder {
	struct protobuf message; /* all of it */
	struct profile *profile;
	struct profile_error *error;
	bool is_ours; /* we wrote it, so that nothing needs to be guessed */

	struct pprof_text *texts;
	size_t n_texts, n_texts_allocated;
	struct pprof_ids mappings, functions, locations;
	struct pprof_range *ranges; /* by mapping, in the order of mappings.keys */
	size_t n_ranges_allocated;

	/* Samples. values[i] is where pprof's value i goes. */
	size_t n_types, values[PROFILE_VALUES_MAX];
	bool is_count_added; /* value type 0 is ours, 1 for each sample */
	uint64_t n_samples;
	struct pprof_stacks stacks;
	struct pprof_owner *owners; /* PPROF_OWNERS threads that were met, by tid */
};

#define PPROF_OWNERS 256

/* Whose sample it is. */
struct pprof_owner {
	struct profile_process process;
	struct profile_thread thread;
	bool has_process, has_thread;
	uint32_t id; /* the profile's thread, where it is known */
};

/* A sample while it is read. */
struct pprof_sample {
	int64_t values[PROFILE_VALUES_MAX];
	size_t n_values;
	struct profile_sample key;
	struct pprof_owner owner;
};

/* Each gives 0, -ENOMEM, -E2BIG, or PROFILE_MALFORMED with the cause in the decoder's error. */

/* The profile's string for one of pprof's. */
int pprof_string(struct pprof_decoder *decoder, uint64_t index, uint32_t *ret_id);

int pprof_ids_add(
	struct pprof_decoder *decoder, struct pprof_ids *ids, uint64_t key, uint32_t value);

/* Where in keys and values pprof's id is; it must be there. */
int pprof_ids_find(struct pprof_decoder *decoder, const struct pprof_ids *ids, uint64_t key,
	size_t *ret_position);

/* A label of a sample, or what it means: for the sample's key or owner. */
int pprof_decode_label(
	struct pprof_decoder *decoder, struct protobuf in, struct pprof_sample *sample);

/* Gives the sample's key its thread. */
int pprof_owner_add(struct pprof_decoder *decoder, struct pprof_sample *sample);

int pprof_decode_value_type(
	struct pprof_decoder *decoder, struct protobuf in, struct profile_value_type *ret_type);

/* Mappings, functions, locations. The texts are there. */
int pprof_decode_tables(struct pprof_decoder *decoder);

/* Value types, then samples. The tables are there. */
int pprof_decode_samples(struct pprof_decoder *decoder);

/* The next field of a message, and the next record of one kind in the profile's. 0, PROTOBUF_END, or
 * PROTOBUF_MALFORMED with the cause in the decoder's error: it ends in the middle of a `what`. */
int pprof_next(struct pprof_decoder *decoder, struct protobuf *in, const char *what,
	struct protobuf_field *ret_field);
int pprof_next_record(struct pprof_decoder *decoder, struct protobuf *in, uint32_t number,
	struct protobuf_field *ret_field);

/* Turns the result that ended such a loop into 0 or PROFILE_MALFORMED. */
int pprof_ended(int r);
