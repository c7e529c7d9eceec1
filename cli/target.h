/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is aimed at: the options for it, and how a person calls it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "proto/base/buffer.h"

#define TARGET_NAMES_MAX 64

enum {
	OPTION_TARGET_NO_CHILDREN = 740,
	OPTION_TARGET_COMM,
	OPTION_TARGET_UID,
	OPTION_TARGET_CONTAINER,
};

#define TARGET_OPTION_SPECS                                                                        \
	{'p', "pid", "PID[,PID…]", "these processes with all their threads; repeatable"},          \
		{'t', "tid", "TID[,TID…]", "these threads; repeatable"},                           \
		{OPTION_TARGET_COMM, "comm", "NAME", "processes of this name; repeatable"},        \
		{'u', "unit", "UNIT", "a systemd unit or slice, across its restarts; repeatable"}, \
		{'G', "cgroup", "PATH", "a control group with all below it; repeatable"},          \
		{OPTION_TARGET_CONTAINER, "container", "ID",                                       \
			"a container, by the beginning of its id, or its name; repeatable"},       \
		{OPTION_TARGET_UID, "uid", "USER", "processes of this user; repeatable"},          \
		{'a', "all", NULL, "the whole system"},                                            \
	{                                                                                          \
		OPTION_TARGET_NO_CHILDREN, "no-children", NULL,                                    \
			"not the processes that those of -p, -t and --comm start"                  \
	}

/* Texts are borrowed from the command line. Zeroed: nothing is named. */
struct target {
	uint32_t pids[TARGET_NAMES_MAX], tids[TARGET_NAMES_MAX], uids[TARGET_NAMES_MAX];
	const char *comms[TARGET_NAMES_MAX], *units[TARGET_NAMES_MAX], *cgroups[TARGET_NAMES_MAX],
		*containers[TARGET_NAMES_MAX];
	const char *users[TARGET_NAMES_MAX]; /* of uids, as they were named */
	size_t n_pids, n_tids, n_uids, n_comms, n_units, n_cgroups, n_containers;
	bool is_all, has_no_children;
};

/* Takes one of the options above. 0, -EINVAL after saying why, or TARGET_FOREIGN. */
enum { TARGET_FOREIGN = 1 };
int target_set(struct target *target, const struct option_spec *spec, const char *value);

/* Is anything named? */
bool target_is_named(const struct target *target);

/* For the name of a default file. */
struct target_name {
	char text[64];
	uint32_t pid; /* of the first process; 0: it is none */
};

/*
 * Appends what a person would call it, "redis-server (4242), user www-data". 0, or an exit code
 * after saying which pid is none.
 */
int target_describe(
	const struct target *target, struct buffer *title, struct target_name *ret_name);

struct json_t;

/* The parameter `target` of Record: a new reference, or NULL without memory. */
struct json_t *target_to_json(const struct target *target);
