/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proto/base/buffer.h"
#include "proto/profile/profile.h"

/*
 * What every summary and every picture says, as plain text. The lines end in '\n'; what is not
 * known is left out.
 */

/* A share of samples lost or truncated above which a title says so. */
#define FACTS_LOSS_MAX 0.05
/* So far may sampled time and the scheduler's time of the target be apart unsaid. */
#define FACTS_TIME_DIFFERENCE_MAX 0.02

/* (lost + truncated) of what was taken and permitted, 0…1. */
double facts_loss(const struct profile *profile);

/* "redis-server (4242), cpu-clock"; `title` (may be NULL) is said instead. */
void facts_append_title(const struct profile *profile, const char *title, struct buffer *out);

/* "12.4 % of the samples lost or truncated" if that must be said, else nothing. */
void facts_append_warning(const struct profile *profile, struct buffer *out);

/* Where, when, what was asked and what was got: one line. */
void facts_append_conditions(const struct profile *profile, struct buffer *out);

/* What became of the samples: one line each for taken, lost and truncated, and the rest. */
void facts_append_ledger(const struct profile *profile, struct buffer *out);

/* What the runs of a command took, one line; nothing if there are none. */
void facts_append_runs(const struct profile *profile, struct buffer *out);

/* A number with its thousands apart: "12 345". */
void facts_append_count(uint64_t n, struct buffer *out);
