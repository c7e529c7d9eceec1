// SPDX-License-Identifier: GPL-2.0-or-later
/* Versions of the kernel compare as numbers; what stands behind the second is the distributor's. */

#include "proto/base/kernel.h"

#include <stdio.h>

bool kernel_is_at_least(const char *release, unsigned major, unsigned minor)
{
	unsigned has_major = 0, has_minor = 0;

	if (sscanf(release, "%u.%u", &has_major, &has_minor) != 2)
		return false;
	return has_major > major || (has_major == major && has_minor >= minor);
}
