/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Profiles for tests, built by words. All of it fails the test rather than return an error. */

#include "proto/profile/profile.h"

/* A profile with samples/count and cpu/nanoseconds, 10 ms for each sample. */
struct profile *fixture_new(void);

/* A thread of a process of its own. */
uint32_t fixture_thread(struct profile *profile, const char *comm, uint32_t pid, uint32_t tid);

/*
 * A frame named "name", or "inner<outer" for inlined functions, innermost first. A name that begins
 * with "k:" is of the kernel, "j:" JIT, "?:" without a name (reason "no-symbols"). Module "/bin/NAME"
 * may follow: "name@module".
 */
uint32_t fixture_frame(struct profile *profile, const char *name);

/* Adds n samples of a stack "outermost;…;leaf" (frames as above); `stop` NULL: complete. */
void fixture_add(
	struct profile *profile, uint32_t thread, const char *stack, const char *stop, int64_t n);

/* Counts, balances and seals. */
void fixture_seal(struct profile *profile);

/* A profile in which everything that a profile can hold is there, with hostile texts. Sealed. */
struct profile *fixture_hostile(void);

/* A recursive program of some breadth and depth, made from a seed. Sealed. */
struct profile *fixture_random(unsigned seed, size_t n_samples);

/* Fails unless both say the same: conditions, ledger, and samples with all that they refer to. Ids and
 * the order of samples may differ. */
void fixture_assert_equal(const struct profile *a, const struct profile *b);
