/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One walk over the tree for each name: a person names few. What lies below a match is in it already
 * and is not walked.
 */

#include "daemon/target/cgroup-set.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cgroup-name.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

static int __attribute__((format(printf, 4, 5))) problem(struct cgroup_problem *ret_problem,
	const char *kind, const char *name, const char *format, ...)
{
	va_list arguments;

	snprintf(ret_problem->what, sizeof(ret_problem->what), "%s %.80s", kind, name);
	va_start(arguments, format);
	vsnprintf(ret_problem->why, sizeof(ret_problem->why), format, arguments);
	va_end(arguments);
	return CGROUP_SET_NONE;
}

static int set_add(struct cgroup_set *set, const struct cgroup_group *group, bool is_followed)
{
	struct cgroup_found found = {.group = *group, .is_followed = is_followed};
	int r = array_reserve(&set->found, &set->n_allocated, set->n + 1, sizeof(*set->found));

	if (r < 0)
		return r;
	found.group.path = strdup(group->path);
	if (!found.group.path)
		return -ENOMEM;
	set->found[set->n++] = found;
	return 0;
}

static void set_cut(struct cgroup_set *set, size_t n)
{
	while (set->n > n)
		free(set->found[--set->n].group.path);
}

void cgroup_set_done(struct cgroup_set *set)
{
	set_cut(set, 0);
	free(set->found);
	*set = (struct cgroup_set){};
}

/* A walk for one name. */
struct search {
	struct cgroup_set *set;
	const char *name;
	bool has_own; /* the host's own unit was found */
	size_t first; /* of the set: what was found before is another name's */
	char container[CGROUP_NAME_SIZE]; /* the one that was found */
	bool is_ambiguous, is_exact;
};

static int on_unit_group(void *userdata, const struct cgroup_group *group)
{
	struct search *search = userdata;
	bool is_own;
	int r;

	if (!cgroup_component_is_unit(text_base_name(group->path), search->name))
		return 0;
	is_own = cgroup_is_in_slices(group->path);
	if (search->has_own && !is_own)
		return 1;
	if (is_own && !search->has_own)
		set_cut(search->set, search->first);
	search->has_own = is_own;
	r = set_add(search->set, group, true);
	return r < 0 ? r : 1;
}

static int unit_find(const struct cgroup_tree *tree, const char *name, struct cgroup_set *set,
	struct cgroup_problem *ret_problem)
{
	struct search search = {.set = set, .first = set->n};
	char unit[CGROUP_NAME_SIZE];
	int r;

	if (cgroup_unit_complete(name, unit, sizeof(unit)) < 0 || strchr(name, '/'))
		return problem(ret_problem, "unit", name, "that is no name of a unit");
	search.name = unit;
	r = cgroup_tree_walk(tree, on_unit_group, &search);
	if (r < 0 || set->n > search.first)
		return r;
	return problem(ret_problem, "unit", unit,
		"no unit of this name is running; 'perfctl list' shows those that are");
}

static int on_container_group(void *userdata, const struct cgroup_group *group)
{
	struct search *search = userdata;
	struct cgroup_names names;
	bool is_exact;
	int r;

	cgroup_names_parse(group->path, &names);
	if (!names.container[0] || !text_starts_with(names.container, search->name))
		return 0;
	is_exact = !strcmp(names.container, search->name);
	if (search->is_exact && !is_exact)
		return 1;
	/* A whole name is meant, even if others begin with it. */
	if (is_exact && !search->is_exact) {
		set_cut(search->set, search->first);
		search->is_exact = true;
		search->is_ambiguous = false;
		search->container[0] = '\0';
	}
	search->is_ambiguous |= search->container[0] &&
		strcmp(search->container, names.container) != 0;
	memcpy(search->container, names.container, sizeof(search->container));
	r = set_add(search->set, group, false);
	return r < 0 ? r : 1;
}

static int container_find(const struct cgroup_tree *tree, const char *name, struct cgroup_set *set,
	struct cgroup_problem *ret_problem)
{
	struct search search = {.set = set, .name = name, .first = set->n};
	int r = cgroup_tree_walk(tree, on_container_group, &search);

	if (r < 0)
		return r;
	if (search.is_ambiguous)
		return problem(ret_problem, "container", name,
			"more than one container's id begins so; give more of it");
	if (set->n == search.first)
		return problem(ret_problem, "container", name,
			"no running container's id or name begins so; 'perfctl list' shows "
			"them");
	return 0;
}

static int path_find(const struct cgroup_tree *tree, const char *path, struct cgroup_set *set,
	struct cgroup_problem *ret_problem)
{
	struct cgroup_group group;
	int r = cgroup_tree_find(tree, path, &group);

	if (r == -EINVAL)
		return problem(ret_problem, "cgroup", path, "the path holds '.' or '..'");
	if (r == -ENOENT || r == -ENOTDIR)
		return problem(ret_problem, "cgroup", path, "there is no such control group");
	if (r < 0)
		return r;
	r = set_add(set, &group, false);
	free(group.path);
	return r;
}

int cgroup_set_find_in(const struct cgroup_tree *tree, const struct selector *selector,
	struct cgroup_set *set, struct cgroup_problem *ret_problem)
{
	int r = 0;

	for (size_t i = 0; i < selector->n_units && !r; i++)
		r = unit_find(tree, selector->units[i], set, ret_problem);
	for (size_t i = 0; i < selector->n_cgroups && !r; i++)
		r = path_find(tree, selector->cgroups[i], set, ret_problem);
	for (size_t i = 0; i < selector->n_containers && !r; i++)
		r = container_find(tree, selector->containers[i], set, ret_problem);
	return r;
}

static int unsupported(struct cgroup_problem *ret_problem, const char *why)
{
	problem(ret_problem, "targets by", "unit, cgroup and container", "%s", why);
	return CGROUP_SET_UNSUPPORTED;
}

int cgroup_set_find(
	const struct selector *selector, struct cgroup_set *set, struct cgroup_problem *ret_problem)
{
	CLEANUP(cgroup_tree_freep) struct cgroup_tree *tree = NULL;
	int r = cgroup_tree_open(&tree);

	if (r == CGROUP_TREE_NONE)
		return unsupported(ret_problem,
			"they are found in the unified hierarchy (cgroup2), which is not mounted "
			"here; boot with systemd.unified_cgroup_hierarchy=1");
	if (r == CGROUP_TREE_PART)
		return unsupported(ret_problem,
			"perfd sees a part of the control groups only; run it outside of "
			"containers");
	return r < 0 ? r : cgroup_set_find_in(tree, selector, set, ret_problem);
}

bool cgroup_set_has(const struct cgroup_set *set, const char *path)
{
	for (size_t i = 0; i < set->n; i++) {
		const char *group = set->found[i].group.path;
		size_t n = strcmp(group, "/") ? strlen(group) : 0;

		if (!strncmp(path, group, n) && (!path[n] || path[n] == '/'))
			return true;
	}
	return false;
}
