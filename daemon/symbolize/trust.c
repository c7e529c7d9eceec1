/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Trust is by who could have written a file. Root's own file on a disk of the host is worth 0. A
 * file that others may write, and one on a device without a driver (FUSE, overlays, network), where
 * "owned by root" may be somebody's claim, get a key of their own kind, by owner and device.
 */

#include <sys/sysmacros.h>

#include "daemon/symbolize/workers.h"

#define MIXED UINT64_MAX

uint64_t workers_trust(const struct stat *stat)
{
	uint64_t owner = (uint64_t)stat->st_uid + 1, device = 0;

	if (stat->st_mode & (S_IWGRP | S_IWOTH))
		return MIXED;
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
	return a == WORKERS_TRUST_ROOT ? b : MIXED;
}
