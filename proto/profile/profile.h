/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What can be done with the one document; its records are in records.h. A profile is built by one
 * owner, then sealed; a sealed profile never changes and may be shared.
 */

#include "proto/profile/records.h"

/* What readers of foreign bytes found: they are no profile; `text` says why, for a person. */
enum { PROFILE_MALFORMED = 1 };

struct profile_error {
	char text[256];
};

/* A new empty profile with one reference, or NULL without memory. */
struct profile *profile_new(void);
struct profile *profile_ref(struct profile *profile);
struct profile *profile_unref(struct profile *profile); /* takes NULL, returns NULL */
void profile_unrefp(struct profile **profile);

/*
 * Each adds a record, or finds the equal one, and gives its id. 0 or -ENOMEM; -E2BIG when a table
 * would pass 2^31 records. Ids handed in must exist.
 */
/* Control characters and invalid UTF-8 become '?'; a NUL within ends the text. */
int profile_add_string(struct profile *profile, const char *text, uint32_t *ret_id);
int profile_add_string_n(struct profile *profile, const char *text, size_t n, uint32_t *ret_id);
/* To be called before the first sample. -EINVAL after it, -E2BIG above PROFILE_VALUES_MAX. */
int profile_add_value_type(struct profile *profile, const char *type, const char *unit);
int profile_add_mapping(
	struct profile *profile, const struct profile_mapping *mapping, uint32_t *ret_id);
int profile_add_function(
	struct profile *profile, const struct profile_function *function, uint32_t *ret_id);
/* Equal frames are those with equal mapping, address, kind, reason for no name, and lines; those
 * without lines wait for their name. first_line and n_lines of `frame` are ignored. */
int profile_add_frame(struct profile *profile, const struct profile_frame *frame,
	const struct profile_line *lines, size_t n_lines, uint32_t *ret_id);
/* Gives a frame that waits its lines; `unnamed` says why they are not its true name, or is 0. */
int profile_name_frame(struct profile *profile, uint32_t frame, const struct profile_line *lines,
	size_t n_lines, uint32_t unnamed);
int profile_add_stack(struct profile *profile, uint32_t parent, uint32_t frame, uint32_t *ret_id);
int profile_add_process(
	struct profile *profile, const struct profile_process *process, uint32_t *ret_id);
int profile_add_thread(
	struct profile *profile, const struct profile_thread *thread, uint32_t *ret_id);
/* Adds n_value_types values (at least one) to the sample with that key. A complete stack has no
 * stop. */
int profile_add_sample(
	struct profile *profile, const struct profile_sample *key, const int64_t *values);
/* Those so far are not looked for any more: an equal key has a row of its own. For who adds in order
 * of time, to whom no key comes again. */
void profile_forget_samples(struct profile *profile);

/*
 * The same for what the caller knows to be new, because it comes in order: it is not looked for. An
 * index that is behind catches up when something is looked for again. With millions of stacks, most
 * of the time would go into looking.
 */
int profile_append_stack(
	struct profile *profile, uint32_t parent, uint32_t frame, uint32_t *ret_id);
int profile_append_sample(
	struct profile *profile, const struct profile_sample *key, const int64_t *values);

/* -EINVAL where its slices begin before the last run's end, -E2BIG above PROFILE_RUNS_MAX. */
int profile_add_run(struct profile *profile, const struct profile_run *run);

/* Ledger entries by reason; a reason beyond PROFILE_REASONS_MAX is added to the last one. */
int profile_count_lost(struct profile *profile, const char *reason, uint64_t n);

/*
 * Recomputes from the samples what follows from them: kept, complete, truncated, no user stack,
 * unnamed. taken, lost, not_permitted and missed are the recorder's to say. 0 or -ENOMEM.
 */
int profile_count_samples(struct profile *profile);

/* Makes taken what the ledger's other parts add up to: for profiles that were read, or narrowed. */
void profile_balance(struct profile *profile);

/* The memory that it takes, with room that is reserved and with its indexes. */
size_t profile_bytes(const struct profile *profile);

/* Ends mutability and drops the indexes. */
void profile_seal(struct profile *profile);

/* The text of a string id; "" for 0. Never NULL. Valid until the profile grows or goes. */
const char *profile_string(const struct profile *profile, uint32_t id);

/* The name shown for a function: "[unknown]" for 0 and where it is empty. */
const char *profile_function_name(const struct profile *profile, uint32_t function);

/* Value `type` of sample i. */
int64_t profile_value(const struct profile *profile, size_t sample, size_t type);

/* The comm shown for a thread's process: "[unknown]" where there is none. */
const char *profile_comm(const struct profile *profile, uint32_t thread);

/* a + b, held at the ends of the range: foreign files hold any number. */
static inline int64_t profile_value_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

/* Index of a value type by name ("samples", "cpu"), or -1. */
int profile_find_value_type(const struct profile *profile, const char *type);

/* Sums of the ledger's parts. */
uint64_t profile_n_lost(const struct profile *profile);
uint64_t profile_n_truncated(const struct profile *profile);
uint64_t profile_n_no_user_stack(const struct profile *profile);

/* Writes the cause into `error`, and returns PROFILE_MALFORMED. */
int profile_malformed(struct profile_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
