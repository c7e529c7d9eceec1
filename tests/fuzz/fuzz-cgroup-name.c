/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any text as the path of a control group: what it names is no longer than it is. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cgroup-name.h"
#include "proto/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(freep) char *path = strndup((const char *)bytes, n);
	struct cgroup_names names;
	char unit[CGROUP_NAME_SIZE];

	if (!path)
		return 0;
	cgroup_names_parse(path, &names);
	if (strlen(names.unit) > strlen(path) || strlen(names.container) > strlen(path))
		abort();
	if (!cgroup_unit_complete(path, unit, sizeof(unit)))
		cgroup_component_is_unit(path, unit);
	cgroup_is_in_slices(path);
	return 0;
}
