/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * libdebuginfod has a cache of its own, whose names are undocumented and whose size has no bound: each
 * process gives it a directory that goes with the process, and moves what it got to where it stays.
 * Such a directory is locked by its process; one without a lock is what a killed one left behind.
 */

#include "daemon/fetch/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/fetch/messages.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/confine.h"
#include "proto/base/text.h"

#define FILE_SUFFIX ".debug"
#define WORK_PREFIX "work."
#define NONE_SECONDS 3600 /* so long is believed that there is none */

struct cached {
	char name[256];
	uint64_t bytes;
	time_t read; /* last */
};

struct cached_list {
	struct cached *items;
	size_t n, n_allocated;
	uint64_t bytes;
};

static void list_done(struct cached_list *list)
{
	free(list->items);
}

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

int cache_make(const char *directory)
{
	uid_t uid;
	gid_t gid;

	if (mkdir(directory, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	if (geteuid() != 0)
		return 0;
	confine_find_user(&uid, &gid);
	return chown(directory, uid, gid) < 0 ? -errno : 0;
}

static char *path_of(const char *directory, const char *build_id)
{
	char *path;

	return asprintf(&path, FETCH_PATH_FORMAT, directory, build_id) < 0 ? NULL : path;
}

int cache_look(const char *directory, const char *build_id)
{
	CLEANUP(freep) char *path = path_of(directory, build_id);
	struct stat stat;

	if (!path)
		return -ENOMEM;
	if (lstat(path, &stat) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (stat.st_size)
		return CACHE_FOUND;
	return time(NULL) - stat.st_mtime < NONE_SECONDS ? CACHE_NONE : 0;
}

int cache_put(const char *directory, const char *build_id, const char *path)
{
	CLEANUP(freep) char *to = path_of(directory, build_id);

	if (!to)
		return -ENOMEM;
	return rename(path, to) < 0 ? -errno : 0;
}

int cache_put_none(const char *directory, const char *build_id)
{
	CLEANUP(freep) char *path = path_of(directory, build_id);
	CLEANUP(closep) int fd = -1;

	if (!path)
		return -ENOMEM;
	/* Whoever has the old file open keeps it. */
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : 0;
}

static int list_read(const char *directory, struct cached_list *list)
{
	CLEANUP(closedirp) DIR *stream = opendir(directory);

	if (!stream)
		return -errno;
	for (struct dirent *entry; (entry = readdir(stream));) {
		struct stat stat;
		int r;

		if (!text_ends_with(entry->d_name, FILE_SUFFIX) ||
			fstatat(dirfd(stream), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(stat.st_mode))
			continue;
		r = array_reserve(
			&list->items, &list->n_allocated, list->n + 1, sizeof(*list->items));
		if (r < 0)
			return r;
		strcpy(list->items[list->n].name, entry->d_name);
		/* An empty one takes some room, too. */
		list->items[list->n].bytes = (uint64_t)stat.st_blocks * 512 + 512;
		list->items[list->n].read = stat.st_atime;
		list->bytes += list->items[list->n++].bytes;
	}
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct cached *a = left, *b = right;

	return a->read < b->read ? -1 : a->read > b->read;
}

int cache_trim(const char *directory, uint64_t max_bytes)
{
	CLEANUP(list_done) struct cached_list list = {};
	int r = list_read(directory, &list);

	if (r < 0)
		return r;
	if (list.n)
		qsort(list.items, list.n, sizeof(*list.items), compare);
	for (size_t i = 0; i < list.n && list.bytes > max_bytes; i++) {
		CLEANUP(freep) char *path = NULL;

		if (asprintf(&path, "%s/%s", directory, list.items[i].name) < 0)
			return -ENOMEM;
		if (unlink(path) < 0 && errno != ENOENT)
			return -errno;
		list.bytes -= list.items[i].bytes;
	}
	return 0;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
	remove(path);
	return 0;
}

static void remove_all(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The directory, locked, or -1: somebody is at work in it. */
static int lock_directory(const char *path)
{
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB) ? take_fd(&fd) : -1;
}

static void sweep(const char *directory)
{
	CLEANUP(closedirp) DIR *stream = opendir(directory);

	for (struct dirent *entry; stream && (entry = readdir(stream));) {
		CLEANUP(freep) char *path = NULL;
		CLEANUP(closep) int fd = -1;

		if (!text_starts_with(entry->d_name, WORK_PREFIX) ||
			asprintf(&path, "%s/%s", directory, entry->d_name) < 0)
			continue;
		fd = lock_directory(path);
		if (fd >= 0)
			remove_all(path);
	}
}

int cache_work_begin(const char *directory, struct cache_work *ret_work)
{
	CLEANUP(freep) char *path = NULL;

	sweep(directory);
	if (asprintf(&path, "%s/" WORK_PREFIX "XXXXXX", directory) < 0)
		return -ENOMEM;
	if (!mkdtemp(path))
		return -errno;
	/* Between the two another one's sweep may take it: then this fetch fails, and is all. */
	ret_work->fd = lock_directory(path);
	if (ret_work->fd < 0)
		return -EBUSY;
	ret_work->path = TAKE(path);
	return 0;
}

void cache_work_end(struct cache_work *work)
{
	if (work->path)
		remove_all(work->path);
	free(work->path);
	closep(&work->fd);
	*work = (struct cache_work){.fd = -1};
}
