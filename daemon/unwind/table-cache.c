/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One directory, 0700 and our own; its files are written aside and renamed, so that each is whole or
 * not there. A file's name says which inode it is for, its head which content of it: a changed object
 * takes the place of its former self. What is used is marked by its time, at most once an hour; what
 * was not used for longest goes first. Another perfd may work in the same directory: all sums are
 * from our own look at it and only ever decide when to look again.
 */

#include "daemon/unwind/table-cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"

#define NAME_SIZE 80
#define PREFIX_ROOTS 'r'
#define PREFIX_OTHERS 'u'
#define PREFIX_UNFINISHED 't'
#define USED_GRAIN_SECONDS 3600

struct table_cache {
	int fd;
	struct table_cache_limits limits;
	size_t n_files;
	struct table_cache_statistics statistics;
};

struct kept {
	char name[NAME_SIZE];
	time_t used;
	uint64_t bytes;
};

struct kept_list {
	struct kept *items;
	size_t n, n_allocated;
	uint64_t bytes, others_bytes;
};

static void kept_list_done(struct kept_list *list)
{
	free(list->items);
}

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static int compare_used(const void *a, const void *b)
{
	const struct kept *left = a, *right = b;

	return (left->used > right->used) - (left->used < right->used);
}

/* What lies in the directory, least recently used first. */
static int list_read(const struct table_cache *cache, struct kept_list *list)
{
	int fd = openat(cache->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closedirp) DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory)
		return -errno;
	for (struct dirent *entry; (entry = readdir(directory));) {
		struct stat stat;
		struct kept *kept;
		int r;

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= NAME_SIZE ||
			fstatat(cache->fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		r = array_reserve(
			&list->items, &list->n_allocated, list->n + 1, sizeof(*list->items));
		if (r < 0)
			return r;
		kept = &list->items[list->n++];
		*kept = (struct kept){.used = stat.st_mtime, .bytes = (uint64_t)stat.st_size};
		strcpy(kept->name, entry->d_name);
		list->bytes += kept->bytes;
		if (kept->name[0] != PREFIX_ROOTS)
			list->others_bytes += kept->bytes;
	}
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare_used);
	return 0;
}

/* Drops from the front of the list: those of others' files until they have half of the room, then
 * whatever is oldest; to well below the limits, so that the next look is a while away. */
static void trim(struct table_cache *cache)
{
	CLEANUP(kept_list_done) struct kept_list list = {};
	uint64_t room = cache->limits.bytes / 4 * 3;
	size_t n_left;

	if (list_read(cache, &list) < 0)
		return;
	n_left = list.n;
	for (int only_others = 1; only_others >= 0; only_others--)
		for (size_t i = 0; i < list.n; i++) {
			struct kept *kept = &list.items[i];
			bool is_roots = kept->name[0] == PREFIX_ROOTS;

			if (list.bytes <= room && n_left <= cache->limits.n_files / 4 * 3)
				break;
			if (!kept->name[0] ||
				(only_others && (is_roots || list.others_bytes <= room / 2)))
				continue;
			unlinkat(cache->fd, kept->name, 0);
			list.bytes -= kept->bytes;
			list.others_bytes -= is_roots ? 0 : kept->bytes;
			n_left--;
			kept->name[0] = '\0';
			cache->statistics.n_dropped++;
		}
	cache->statistics.bytes = list.bytes;
	cache->n_files = n_left;
}

/* Nobody finishes what a perfd that was killed has begun. */
static void drop_unfinished(struct table_cache *cache)
{
	CLEANUP(kept_list_done) struct kept_list list = {};

	if (list_read(cache, &list) < 0)
		return;
	for (size_t i = 0; i < list.n; i++) {
		if (list.items[i].name[0] == PREFIX_UNFINISHED &&
			list.items[i].used + USED_GRAIN_SECONDS < time(NULL))
			unlinkat(cache->fd, list.items[i].name, 0);
	}
	cache->statistics.bytes = list.bytes;
	cache->n_files = list.n;
}

int table_cache_open(
	const char *path, const struct table_cache_limits *limits, struct table_cache **ret_cache)
{
	CLEANUP(closep) int fd = -1;
	struct table_cache *cache;
	struct stat stat;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) < 0)
		return -errno;
	if (stat.st_uid != geteuid() || stat.st_mode & (S_IRWXG | S_IRWXO))
		return -EPERM;
	cache = calloc(1, sizeof(*cache));
	if (!cache)
		return -ENOMEM;
	cache->fd = take_fd(&fd);
	cache->limits = *limits;
	drop_unfinished(cache);
	*ret_cache = cache;
	return 0;
}

struct table_cache *table_cache_close(struct table_cache *cache)
{
	if (!cache)
		return NULL;
	closep(&cache->fd);
	free(cache);
	return NULL;
}

static void name_format(const struct table_key *key, char prefix, char name[NAME_SIZE])
{
	int n = snprintf(name, NAME_SIZE, "%c%" PRIx64 "-%" PRIx64, prefix, key->object.device,
		key->object.inode);

	if (key->debug.inode)
		snprintf(name + n, NAME_SIZE - (size_t)n, "-%" PRIx64 "-%" PRIx64,
			key->debug.device, key->debug.inode);
}

/* All of a file, into new memory. 0, -ENOENT, -EBADMSG (nothing that we have written), -ENOMEM. */
static int file_read(
	const struct table_cache *cache, const char *name, void **ret_bytes, size_t *ret_n)
{
	CLEANUP(closep)
	int fd = openat(cache->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP(freep) char *bytes = NULL;
	struct stat stat;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EBADMSG;
	if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode) || stat.st_uid != geteuid() ||
		stat.st_size > TABLE_IMAGE_BYTES_MAX)
		return -EBADMSG;
	bytes = malloc((size_t)stat.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	n = read(fd, bytes, (size_t)stat.st_size);
	if (n != stat.st_size)
		return -EBADMSG;
	if (stat.st_mtime + USED_GRAIN_SECONDS < time(NULL))
		futimens(fd, NULL);
	*ret_bytes = TAKE(bytes);
	*ret_n = (size_t)n;
	return 0;
}

int table_cache_find(struct table_cache *cache, const struct table_key *key,
	struct table_content *ret_content, void **ret_memory)
{
	static const char prefixes[] = {PREFIX_ROOTS, PREFIX_OTHERS};

	for (size_t i = 0; i < sizeof(prefixes); i++) {
		CLEANUP(freep) void *bytes = NULL;
		char name[NAME_SIZE];
		size_t n = 0;
		int r;

		name_format(key, prefixes[i], name);
		r = file_read(cache, name, &bytes, &n);
		if (!r)
			r = table_image_decode(bytes, n, key, ret_content);
		if (!r) {
			cache->statistics.n_hits++;
			*ret_memory = TAKE(bytes);
			return 0;
		}
		if (r == -ENOMEM)
			return r;
		cache->statistics.n_bad += r != -ENOENT;
	}
	cache->statistics.n_missing++;
	return TABLE_CACHE_MISSING;
}

static int file_write(const struct table_cache *cache, const char *name, const struct buffer *bytes)
{
	char unfinished[NAME_SIZE];
	CLEANUP(closep) int fd = -1;
	ssize_t n;

	snprintf(unfinished, sizeof(unfinished), "%c%d", PREFIX_UNFINISHED, getpid());
	unlinkat(cache->fd, unfinished, 0);
	fd = openat(
		cache->fd, unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	n = write(fd, bytes->data, bytes->size);
	if (n == (ssize_t)bytes->size && renameat(cache->fd, unfinished, cache->fd, name) == 0)
		return 0;
	n = n < 0 || n == (ssize_t)bytes->size ? -errno : -ENOSPC;
	unlinkat(cache->fd, unfinished, 0);
	return (int)n;
}

int table_cache_add(struct table_cache *cache, const struct table_key *key,
	const struct table_content *content, bool is_roots)
{
	CLEANUP(buffer_done) struct buffer buffer = {};
	char name[NAME_SIZE];
	struct stat former;
	bool is_new;
	int r;

	table_image_encode(key, content, &buffer);
	r = buffer_error(&buffer);
	if (r < 0)
		return r;
	name_format(key, is_roots ? PREFIX_ROOTS : PREFIX_OTHERS, name);
	is_new = fstatat(cache->fd, name, &former, AT_SYMLINK_NOFOLLOW) < 0;
	r = file_write(cache, name, &buffer);
	if (r < 0)
		return r;
	cache->n_files += is_new;
	cache->statistics.bytes += buffer.size;
	if (cache->statistics.bytes > cache->limits.bytes || cache->n_files > cache->limits.n_files)
		trim(cache);
	return 0;
}

void table_cache_statistics(
	const struct table_cache *cache, struct table_cache_statistics *ret_statistics)
{
	*ret_statistics = cache->statistics;
}
