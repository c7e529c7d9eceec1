/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Groups by id in a hash; ids are never given twice. Too many of them are all forgotten: those that
 * still are there are found again. The program is read from /proc, by the pid: it is believed only if
 * the process there began when the sampled one did, and is called as that was.
 */

#include "daemon/target/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/limits.h"
#include "daemon/target/cgroup-tree.h"
#include "proto/base/array.h"
#include "proto/base/cgroup-name.h"
#include "proto/base/cleanup.h"
#include "proto/base/hash.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

struct group {
	uint64_t id;
	char *path; /* NULL: it had gone */
	char *unit, *container;
};

struct labels {
	struct cgroup_tree *tree; /* NULL: there is none */
	struct group *groups; /* id in the hash: index + 1 */
	size_t n_groups, n_groups_allocated;
	struct hash hash;
	/* Of the process that was asked for last; threads come in a row. */
	uint32_t pid;
	uint64_t start_ns;
	char comm[ABI_COMM_SIZE];
	char exe[PATH_MAX];
};

static void groups_clear(struct labels *labels)
{
	for (size_t i = 0; i < labels->n_groups; i++) {
		free(labels->groups[i].path);
		free(labels->groups[i].unit);
		free(labels->groups[i].container);
	}
	labels->n_groups = 0;
	hash_done(&labels->hash);
	labels->hash = (struct hash){};
}

int labels_new(struct labels **ret_labels)
{
	struct labels *labels = calloc(1, sizeof(*labels));

	if (!labels)
		return -ENOMEM;
	if (cgroup_tree_open(&labels->tree) != 0)
		labels->tree = NULL;
	*ret_labels = labels;
	return 0;
}

struct labels *labels_free(struct labels *labels)
{
	if (!labels)
		return NULL;
	groups_clear(labels);
	free(labels->groups);
	cgroup_tree_free(labels->tree);
	free(labels);
	return NULL;
}

static bool is_id(const void *groups, uint32_t id, const void *key)
{
	return ((const struct group *)groups)[id - 1].id == *(const uint64_t *)key;
}

/* Takes the path; NULL: to be looked up. */
static int group_add(struct labels *labels, uint64_t id, uint32_t value, char *path)
{
	struct group group = {.id = id, .path = path ? path : cgroup_tree_path(labels->tree, id)};
	struct cgroup_names names = {};
	int r;

	if (labels->n_groups >= LIMIT_CGROUPS)
		groups_clear(labels);
	if (group.path)
		cgroup_names_parse(group.path, &names);
	group.unit = strdup(names.unit);
	group.container = strdup(names.container);
	r = group.unit && group.container ? 0 : -ENOMEM;
	if (!r)
		r = array_reserve(&labels->groups, &labels->n_groups_allocated,
			labels->n_groups + 1, sizeof(group));
	if (!r)
		r = hash_add(&labels->hash, value, (uint32_t)labels->n_groups + 1);
	if (r < 0) {
		free(group.path);
		free(group.unit);
		free(group.container);
		return r;
	}
	labels->groups[labels->n_groups++] = group;
	return 0;
}

/* NULL: no memory for it, or no hierarchy. */
static const struct group *group_find(struct labels *labels, uint64_t id)
{
	uint32_t value = hash_bytes(&id, sizeof(id));
	uint32_t found = hash_find(&labels->hash, value, is_id, labels->groups, &id);

	if (found)
		return &labels->groups[found - 1];
	if (!labels->tree || !id || group_add(labels, id, value, NULL) < 0)
		return NULL;
	return &labels->groups[labels->n_groups - 1];
}

/* By a path that is whole. */
static void group_learn(struct labels *labels, uint64_t id, const char *path, size_t n)
{
	uint32_t value = hash_bytes(&id, sizeof(id));
	char *copy;

	if (hash_find(&labels->hash, value, is_id, labels->groups, &id))
		return;
	copy = strndup(path, n);
	if (copy)
		group_add(labels, id, value, copy);
}

void labels_add_group(struct labels *labels, uint64_t id, const char *path)
{
	size_t n = strnlen(path, ABI_EVENT_PATH_SIZE);

	if (n < ABI_EVENT_PATH_SIZE - 1)
		group_learn(labels, id, path, n);
	else
		group_find(labels, id);
}

static int on_group(void *userdata, const struct cgroup_group *group)
{
	group_learn(userdata, group->id, group->path, strlen(group->path));
	return 0;
}

void labels_read_groups(struct labels *labels)
{
	if (labels->tree)
		cgroup_tree_walk(labels->tree, on_group, labels);
}

/* Does its name still hold, and did it begin then? proc_pid_stat(5): fields 2 and, in ticks since boot,
 * 22. */
static bool is_still(int process_fd, const struct abi_identity *who)
{
	CLEANUP(freep) char *text = NULL;
	uint64_t ticks, tick_ns = NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK);
	size_t n_comm = strnlen(who->comm, sizeof(who->comm));
	const char *comm, *after;

	if (text_read_file(process_fd, "stat", 4096, &text, NULL) < 0)
		return false;
	comm = strchr(text, '(');
	after = strrchr(text, ')');
	return comm && after && after - comm - 1 == (ptrdiff_t)n_comm &&
		!memcmp(comm + 1, who->comm, n_comm) &&
		sscanf(after + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			"%*d %" SCNu64,
			&ticks) == 1 &&
		ticks == who->start_ns / tick_ns;
}

/* "" where the process may have another program than when it was sampled: a new one has another name. */
static void exe_read(const struct abi_identity *who, char *exe, size_t size)
{
	CLEANUP(closep) int fd = -1;
	char path[32];
	ssize_t n;

	*exe = '\0';
	snprintf(path, sizeof(path), "/proc/%" PRIu32, who->pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !is_still(fd, who))
		return;
	n = readlinkat(fd, "exe", exe, size - 1);
	exe[n < 0 || !is_still(fd, who) ? 0 : n] = '\0';
}

void labels_find(struct labels *labels, const struct abi_identity *who, struct label_texts *ret)
{
	const struct group *group = group_find(labels, who->cgroup);

	if (labels->pid != who->pid || labels->start_ns != who->start_ns ||
		memcmp(labels->comm, who->comm, sizeof(labels->comm)) != 0) {
		exe_read(who, labels->exe, sizeof(labels->exe));
		labels->pid = who->pid;
		labels->start_ns = who->start_ns;
		memcpy(labels->comm, who->comm, sizeof(labels->comm));
	}
	*ret = (struct label_texts){labels->exe, "", "", ""};
	if (!group)
		return;
	ret->unit = group->unit;
	ret->container = group->container;
	/* Where there are no groups to speak of, all are in the root: that says nothing. */
	if (group->path && strcmp(group->path, "/") != 0)
		ret->cgroup = group->path;
}
