/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a process is called besides its name and number: its program, its control group, and the unit
 * and the container that the group tells. Looked up when a process is first seen; a group is
 * remembered, so that it has its names when it has gone.
 */

#include <stdint.h>

#include "daemon/capture/sample.h"

struct labels;

/* Valid until the next call. "": not known, or none. */
struct label_texts {
	const char *exe, *cgroup, *unit, *container;
};

/* 0 or -ENOMEM. Where there is no unified hierarchy, groups have no names. */
int labels_new(struct labels **ret_labels);
struct labels *labels_free(struct labels *labels); /* takes NULL, returns NULL */

void labels_find(struct labels *labels, const struct abi_identity *who, struct label_texts *ret);

/* All groups that are there now, so that those that go soon have their names. At worst some have
 * not. */
void labels_read_groups(struct labels *labels);

/* A group is new: its path below the root, or as much as there is room for (ABI_EVENT_PATH_SIZE). */
void labels_add_group(struct labels *labels, uint64_t id, const char *path);
