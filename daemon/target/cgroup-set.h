/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The control groups that a selector means by units, paths and containers. */

#include <stdbool.h>

#include "daemon/target/cgroup-tree.h"
#include "daemon/target/selector.h"

struct cgroup_found {
	struct cgroup_group group; /* its path is owned */
	bool is_followed; /* a unit, which comes again under its path with another id */
};

struct cgroup_set {
	struct cgroup_found *found;
	size_t n, n_allocated;
};

enum {
	CGROUP_SET_NONE = 1, /* one of the names stands for nothing that is there */
	CGROUP_SET_UNSUPPORTED, /* not on this host */
};

/* Which name it was, and why. */
struct cgroup_problem {
	char what[96], why[192];
};

/*
 * Finds all that the selector names. Of a unit the host's own service manager's is meant where it
 * has one of that name, else every one: in containers, and of users. 0; one of the outcomes above
 * with *ret_problem; or a negative errno. cgroup_set_done() in any case.
 */
int cgroup_set_find(const struct selector *selector, struct cgroup_set *set,
	struct cgroup_problem *ret_problem);
/* The same within a tree that is open. */
int cgroup_set_find_in(const struct cgroup_tree *tree, const struct selector *selector,
	struct cgroup_set *set, struct cgroup_problem *ret_problem);
void cgroup_set_done(struct cgroup_set *set);

/* Does a group with this path lie in one of the set? */
bool cgroup_set_has(const struct cgroup_set *set, const char *path);
