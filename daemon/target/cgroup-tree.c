/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Everything is done below one directory that is held open. Groups come and go while we look: what
 * cannot be opened any more is no failure.
 */

#include "daemon/target/cgroup-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/limits.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define MOUNTINFO_BYTES_MAX (4 << 20)
#define PATH_BYTES_MAX 4096
#define DEPTH_MAX 32
/* include/linux/exportfs.h: FILEID_KERNFS; the kernel's fixed id of the first group of all. */
#define FILEID_KERNFS 0xfe
#define ROOT_ID 1

struct cgroup_tree {
	int fd; /* of the root */
	char *mount; /* where it lies, without a slash at its end */
};

/* "\040" and its like, as proc_pid_mountinfo(5) has them. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		unsigned code;

		if (*from == '\\' && strlen(from) >= 4 && sscanf(from + 1, "%3o", &code) == 1) {
			*to++ = (char)code;
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

char *cgroup_mount_parse(const char *mountinfo)
{
	for (const char *line = mountinfo; *line; line += strcspn(line, "\n")) {
		CLEANUP(freep) char *text = NULL;
		char *root, *point, *rest, *type;

		line += *line == '\n';
		text = strndup(line, strcspn(line, "\n"));
		rest = text;
		for (int i = 0; i < 3; i++)
			strsep(&rest, " ");
		root = strsep(&rest, " ");
		point = strsep(&rest, " ");
		type = rest ? strstr(rest, " - ") : NULL;
		if (!root || !type || strcmp(root, "/") || !text_starts_with(type, " - cgroup2 "))
			continue;
		unescape(point);
		return strdup(point);
	}
	return NULL;
}

int cgroup_tree_open_at(const char *path, struct cgroup_tree **ret_tree)
{
	CLEANUP(cgroup_tree_freep) struct cgroup_tree *tree = calloc(1, sizeof(*tree));
	size_t n = strlen(path);

	if (!tree)
		return -ENOMEM;
	while (n > 1 && path[n - 1] == '/')
		n--;
	tree->fd = -1;
	tree->mount = strndup(path, n);
	if (!tree->mount)
		return -ENOMEM;
	tree->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree->fd < 0)
		return -errno;
	*ret_tree = TAKE(tree);
	return 0;
}

int cgroup_tree_open(struct cgroup_tree **ret_tree)
{
	CLEANUP(cgroup_tree_freep) struct cgroup_tree *tree = NULL;
	CLEANUP(freep) char *text = NULL;
	CLEANUP(freep) char *mount = NULL;
	struct stat status;
	int r = text_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_BYTES_MAX, &text, NULL);

	if (r < 0)
		return r;
	mount = cgroup_mount_parse(text);
	if (!mount)
		return CGROUP_TREE_NONE;
	r = cgroup_tree_open_at(mount, &tree);
	if (r < 0)
		return r;
	if (fstat(tree->fd, &status) < 0)
		return -errno;
	if (status.st_ino != ROOT_ID)
		return CGROUP_TREE_PART;
	*ret_tree = TAKE(tree);
	return 0;
}

struct cgroup_tree *cgroup_tree_free(struct cgroup_tree *tree)
{
	if (!tree)
		return NULL;
	closep(&tree->fd);
	free(tree->mount);
	free(tree);
	return NULL;
}

void cgroup_tree_freep(struct cgroup_tree **tree)
{
	*tree = cgroup_tree_free(*tree);
}

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

struct walk {
	cgroup_function *on_group;
	void *userdata;
	char path[PATH_BYTES_MAX];
	size_t n, n_groups;
};

static int walk_below(struct walk *walk, int fd, unsigned depth);

static int walk_into(struct walk *walk, int parent_fd, const char *name, unsigned depth)
{
	CLEANUP(closep)
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct cgroup_group group = {.depth = depth, .path = walk->path};
	size_t n_before = walk->n;
	struct stat status;
	int n, r;

	if (fd < 0 || fstat(fd, &status) < 0)
		return 0;
	if (++walk->n_groups > LIMIT_CGROUPS)
		return -E2BIG;
	n = snprintf(walk->path + walk->n, sizeof(walk->path) - walk->n, "/%s", name);
	if (n < 0 || walk->n + (size_t)n >= sizeof(walk->path))
		return -E2BIG;
	walk->n += (size_t)n;
	group.id = status.st_ino;
	r = walk->on_group(walk->userdata, &group);
	if (!r && depth < DEPTH_MAX)
		r = walk_below(walk, take_fd(&fd), depth);
	walk->n = n_before;
	walk->path[walk->n] = '\0';
	return r < 0 ? r : 0;
}

/* Takes the descriptor. */
static int walk_below(struct walk *walk, int fd, unsigned depth)
{
	CLEANUP(closedirp) DIR *directory = fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!directory) {
		close(fd);
		return -ENOMEM;
	}
	while (!r && (entry = readdir(directory)))
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") &&
			strcmp(entry->d_name, ".."))
			r = walk_into(walk, dirfd(directory), entry->d_name, depth + 1);
	return r;
}

int cgroup_tree_walk(const struct cgroup_tree *tree, cgroup_function *on_group, void *userdata)
{
	struct walk walk = {.on_group = on_group, .userdata = userdata};
	/* A description of its own: the place to read on from is part of it. */
	int fd = openat(tree->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : walk_below(&walk, fd, 0);
}

/* "" or "/a/b", one slash each; its depth. -EINVAL: a component that is no name. */
static int normalize(const char *path, char *normal, size_t size, unsigned *ret_depth)
{
	size_t used = 0;
	unsigned depth = 0;

	*normal = '\0';
	for (;;) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (!n)
			break;
		if ((n == 1 && *path == '.') || (n == 2 && !strncmp(path, "..", 2)) ||
			used + n + 2 > size)
			return -EINVAL;
		normal[used++] = '/';
		memcpy(normal + used, path, n);
		used += n;
		normal[used] = '\0';
		path += n;
		depth++;
	}
	*ret_depth = depth;
	return 0;
}

int cgroup_tree_find(
	const struct cgroup_tree *tree, const char *path, struct cgroup_group *ret_group)
{
	struct cgroup_group group = {};
	char normal[PATH_BYTES_MAX];
	size_t n = strlen(tree->mount);
	struct stat status;
	int r;

	if (!strncmp(path, tree->mount, n) && (!path[n] || path[n] == '/'))
		path += n;
	r = normalize(path, normal, sizeof(normal), &group.depth);
	if (r < 0)
		return r;
	if (fstatat(tree->fd, *normal ? normal + 1 : ".", &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(status.st_mode))
		return -ENOENT;
	group.id = status.st_ino;
	group.path = strdup(*normal ? normal : "/");
	if (!group.path)
		return -ENOMEM;
	*ret_group = group;
	return 0;
}

char *cgroup_tree_path(const struct cgroup_tree *tree, uint64_t id)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + sizeof(id)];
	} key = {.handle = {.handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS}};
	char link[64], path[PATH_BYTES_MAX];
	size_t n_mount = strlen(tree->mount);
	CLEANUP(closep) int fd = -1;
	ssize_t n;

	memcpy(key.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(tree->fd, &key.handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	if (strncmp(path, tree->mount, n_mount))
		return NULL;
	return strdup(path[n_mount] ? path + n_mount : "/");
}
