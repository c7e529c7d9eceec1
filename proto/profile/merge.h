/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proto/profile/profile.h"

/* What merge_add found: the two measure different things. Nothing was added. */
enum { MERGE_TYPES_DIFFER = 1 };

/*
 * Adds all of `from` to `into`, which is not sealed (a new profile takes everything over). Values,
 * ledgers and durations are summed; texts of the conditions that differ become "several". Slices of
 * `from` move by the time it started later, if both know when they started. Runs stay where only one
 * of the two has samples. 0, -ENOMEM, -E2BIG, or
 * MERGE_TYPES_DIFFER.
 */
int merge_add(struct profile *into, const struct profile *from);

/*
 * The same, as one more run of a command: its samples come behind those of the runs before, in
 * slices of its own. first_slice and n_slices of `run` are filled in here. -EINVAL, -E2BIG where
 * there is no more room for runs.
 */
int merge_add_run(struct profile *into, const struct profile *from, const struct profile_run *run);
