/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Compiled unwind tables on disk, so that a perfd that starts anew compiles nothing twice. One file
 * for each object, by the identity of the files that it was compiled from.
 */

#include "daemon/unwind/table-image.h"

struct table_cache;

struct table_cache_limits {
	uint64_t bytes;
	size_t n_files;
};

struct table_cache_statistics {
	uint64_t n_hits, n_missing;
	uint64_t n_bad; /* files that were none of ours, of another version, short or damaged */
	uint64_t n_dropped; /* for the limits */
	uint64_t bytes; /* on disk, about */
};

/*
 * Makes the directory if only its last part is missing. 0, or a negative errno; -EPERM: it belongs
 * to somebody else, or others may look into it.
 */
int table_cache_open(
	const char *path, const struct table_cache_limits *limits, struct table_cache **ret_cache);
struct table_cache *table_cache_close(struct table_cache *cache);

#define TABLE_CACHE_MISSING 1

/* The content lives in *ret_memory, which the caller frees. 0, TABLE_CACHE_MISSING, or -ENOMEM. */
int table_cache_find(struct table_cache *cache, const struct table_key *key,
	struct table_content *ret_content, void **ret_memory);

/* Keeps it; is_roots says that only root can have written the files: those of others get no more than
 * half of the room. 0 or a negative errno: it is not kept then. */
int table_cache_add(struct table_cache *cache, const struct table_key *key,
	const struct table_content *content, bool is_roots);

void table_cache_statistics(
	const struct table_cache *cache, struct table_cache_statistics *ret_statistics);
