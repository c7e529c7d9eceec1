/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Trust is by who could have written a file. Root's own file on a disk of the host is worth 0. One
 * that a group may write as well has a key by owner and group; one on a device without a driver (FUSE,
 * overlays, network), where "owned by root" may be somebody's claim, one by owner and device.
 */

#include <sys/sysmacros.h>

#include "daemon/symbolize/workers.h"

#define SHARED (UINT64_C(1) << 63)
#define ID_MAX INT32_MAX /* of those that have room in a trust */

/* Who may write it is the owner, and the group. */
static uint64_t shared_trust(const struct stat *stat)
{
	if (!major(stat->st_dev) || stat->st_uid >= ID_MAX || stat->st_gid >= ID_MAX)
		return WORKERS_TRUST_NONE;
	return SHARED | (uint64_t)stat->st_uid << 31 | stat->st_gid;
}

uint64_t workers_trust(const struct stat *stat)
{
	uint64_t owner = (uint64_t)stat->st_uid + 1, device = 0;

	if (stat->st_mode & S_IWOTH)
		return WORKERS_TRUST_NONE;
	if (stat->st_mode & S_IWGRP)
		return shared_trust(stat);
	if (!major(stat->st_dev))
		device = (uint64_t)minor(stat->st_dev) + 1;
	if (stat->st_uid == 0 && !device)
		return WORKERS_TRUST_ROOT;
	return owner << 24 | (device & 0xffffff);
}

uint64_t workers_trust_both(uint64_t a, uint64_t b)
{
	if (a == b || b == WORKERS_TRUST_ROOT)
		return a;
	return a == WORKERS_TRUST_ROOT ? b : WORKERS_TRUST_NONE;
}
