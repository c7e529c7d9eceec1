/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The makers of rankings among themselves. Each fills in the rows of a ranking that has its options,
 * its whole and its n_samples, and ends with rank_rows_sort(). 0 or -ENOMEM. */

#include "proto/profile/rank.h"

/* What stands on stacks: functions, lines, modules. */
int rank_places(const struct profile *profile, struct ranking *ranking);

/* What has stacks: threads, processes, units. */
int rank_owners(const struct profile *profile, struct ranking *ranking);

/* What stands beside one function: callers, callees. */
int rank_neighbours(const struct profile *profile, struct ranking *ranking);

/* Gives the rows (self and total are set) their shares and scores, and puts them in order. */
void rank_rows_sort(const struct profile *profile, struct ranking *ranking);
