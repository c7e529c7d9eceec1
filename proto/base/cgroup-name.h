/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who made a control group, told by its path below the root of its hierarchy: units of systemd, and
 * containers in the forms that their managers give them. Sources: systemd's CGROUP_DELEGATION.md and
 * systemd.unit(5) for escaping; the documentation of docker, podman, containerd, cri-o, kubernetes
 * (cgroup drivers), systemd-nspawn(1), lxc.container.conf(5).
 */

#include <stdbool.h>
#include <stddef.h>

#define CGROUP_NAME_SIZE 256

struct cgroup_names {
	/* "nginx.service": the deepest service or scope; where there is none, the deepest slice. */
	char unit[CGROUP_NAME_SIZE];
	/* The deepest container's id (hexadecimal digits) or name; "" where there is none. */
	char container[CGROUP_NAME_SIZE];
};

/* Any bytes will do; what is not known is "". Names longer than there is room for are no names. */
void cgroup_names_parse(const char *path, struct cgroup_names *ret_names);

/* "nginx" -> "nginx.service"; what has a unit's suffix stays. 0, or -ENAMETOOLONG. */
int cgroup_unit_complete(const char *name, char *unit, size_t size);

/* Is the unit of a group whose path ends in `component`, as systemd escapes it, this one? */
bool cgroup_component_is_unit(const char *component, const char *unit);

/* Is every component of the path but the last a slice: is the group its host's own service manager's?
 */
bool cgroup_is_in_slices(const char *path);
