/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/store/database.h"
#include "daemon/store/messages.h"
#include "proto/profile/profile.h"

/*
 * All that was kept of a span of time and that who asks may see, as one profile, sealed. Who is no
 * admin gets what is visible to their uid, and nothing of what was lost; kernel frames are one
 * [kernel] unless query->sees_kernel. Times in the profile are of what was recorded: gaps are cut out
 * and noted. With query->n_parts they are those of the clock since query->since_ns; of as many parts, or
 * of fewer where what is kept is coarser, those that something was recorded in are runs. 0 or a negative errno: -ENOENT, nothing was recorded then.
 */
int query_profile(
	struct database *database, const struct store_query *query, struct profile **ret_profile);
/* The same of so many samples at most. */
int query_profile_within(struct database *database, const struct store_query *query,
	size_t n_samples_max, struct profile **ret_profile);
