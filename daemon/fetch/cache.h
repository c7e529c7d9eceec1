/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The directory in which fetched files lie, called as messages.h says; an empty one stands for a file
 * that no server has. Build-ids are in hexadecimal. */

#include <stdint.h>

/* Makes it, for the user that this process will become. 0, also where it is there, or a negative
 * errno. */
int cache_make(const char *directory);

/* What is there of this build-id. */
#define CACHE_FOUND 1
#define CACHE_NONE 2 /* nobody had it a short while ago */
/* 0 (not known), one of the above, or a negative errno. */
int cache_look(const char *directory, const char *build_id);

/* Moves a file in: from the same file system. 0 or a negative errno. */
int cache_put(const char *directory, const char *build_id, const char *path);
int cache_put_none(const char *directory, const char *build_id);

/* Removes files that were not read for longest until the rest is no larger. 0 or a negative errno. */
int cache_trim(const char *directory, uint64_t max_bytes);

/* A directory of this process's own in there. What others left behind that have ended is removed. */
struct cache_work {
	char *path;
	int fd; /* locked while it is in use */
};

int cache_work_begin(const char *directory, struct cache_work *ret_work);
void cache_work_end(struct cache_work *work);
