/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Windows as perfd seals them, and a store to put them into. */

#include "daemon/store/query.h"
#include "daemon/store/store.h"
#include "proto/base/time.h"

#define EPOCH_NS (UINT64_C(1000000) * NS_PER_SECOND)
#define WINDOW_NS (10 * NS_PER_SECOND)

struct place {
	char directory[64], file[96];
	struct store store;
};

void place_init(struct place *place);
void place_open(struct place *place, uint64_t max_bytes, uint64_t max_age_ns);
void place_done(struct place *place);

/* A sealed window at EPOCH_NS + at_ns. */
struct window {
	struct profile *profile;
	uint64_t at_ns;
};

void window_begin(struct window *window, uint64_t at_ns);
/* A sample of process `comm` whose stack is main and `leaf`; a NULL leaf has no name. */
void window_sample(
	struct window *window, const char *comm, uint32_t visible_to, const char *leaf, uint64_t n);
void window_seal(struct window *window);
/* Seals it and stores it under that serial. */
int window_store(struct window *window, struct place *place, uint32_t serial);
void window_done(struct window *window);

/* All that an admin gets, or who has the uid. NULL: nothing was recorded. */
struct profile *place_query(struct place *place, uint64_t from_ns, uint64_t to_ns, uint32_t uid);
/* The sum of samples with that function as leaf. */
uint64_t count_leaf(const struct profile *profile, const char *name);
uint64_t count_all(const struct profile *profile);
/* What a statement gives. */
int64_t place_number(struct place *place, const char *sql);
