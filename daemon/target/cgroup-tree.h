/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The unified hierarchy of control groups (cgroup2), as the kernel shows it: cgroups(7). */

#include <stddef.h>
#include <stdint.h>

struct cgroup_tree;

/* Outcomes of opening it. */
enum {
	CGROUP_TREE_NONE = 1, /* no cgroup2 is mounted here */
	CGROUP_TREE_PART, /* we see a part of it only: we are in a namespace of control groups */
};

/* Where /proc/self/mountinfo says it is. 0, one of the above, or a negative errno. */
int cgroup_tree_open(struct cgroup_tree **ret_tree);
/* Any directory as if it were one: for tests. 0 or a negative errno. */
int cgroup_tree_open_at(const char *path, struct cgroup_tree **ret_tree);
struct cgroup_tree *cgroup_tree_free(struct cgroup_tree *tree); /* takes NULL, returns NULL */
void cgroup_tree_freep(struct cgroup_tree **tree);

/* One group. The id is the kernel's (the inode of its directory, kernfs). */
struct cgroup_group {
	uint64_t id;
	unsigned depth; /* the root has 0 */
	char *path; /* below the root, "/a/b"; "/" for the root itself */
};

/* Called for each group below the root, parents first. 0: go on, also below it; > 0: not below it; a
 * negative errno ends the walk. */
typedef int cgroup_function(void *userdata, const struct cgroup_group *group);

/* 0, -E2BIG above LIMIT_CGROUPS, or a negative errno. Those that go meanwhile are passed over. */
int cgroup_tree_walk(const struct cgroup_tree *tree, cgroup_function *on_group, void *userdata);

/* The group with this path, "/a/b" or "a/b", or with the mount point in front. Its `path` is
 * malloc'ed. 0, -ENOENT, -EINVAL ("..": that is no name), or another negative errno. */
int cgroup_tree_find(
	const struct cgroup_tree *tree, const char *path, struct cgroup_group *ret_group);

/* The path of the group with this id, malloc'ed, or NULL if it has gone (open_by_handle_at(2) needs
 * CAP_DAC_READ_SEARCH). */
char *cgroup_tree_path(const struct cgroup_tree *tree, uint64_t id);

/* The mount point of the unified hierarchy in a text like /proc/self/mountinfo: the first one that
 * shows it from its root on. malloc'ed; NULL: there is none. */
char *cgroup_mount_parse(const char *mountinfo);
