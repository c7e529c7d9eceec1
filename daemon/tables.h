/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Unwind tables for objects: out of the cache on disk, else compiled by a sandboxed worker, put where
 * the kernel side finds them, taken away again. A side room of the corridor: it knows workers and
 * unwind, and neither files of targets nor recordings.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/abi.h"
#include "daemon/base/identity.h"
#include "daemon/base/loop.h"
#include "daemon/symbolize/workers.h"
#include "daemon/target/objects.h"
#include "proto/base/list.h"

struct tables;
struct table_owner;

enum table_state {
	TABLE_IDLE, /* nobody has asked, or it was dropped */
	TABLE_WAITING, /* for a worker */
	TABLE_COMPILING,
	TABLE_READY, /* index is set */
	TABLE_FAILED, /* no worker brought it, or there was no room */
};

/* An object's table; embedded by whoever wants it, who fills in the first part. */
struct table {
	struct object *object; /* OBJECT_OPEN; borrowed */
	bool has_identity; /* else it is not cached */
	struct file_identity identity;
	int debug_fd; /* its separate debug file; borrowed; -1: none */
	uint64_t debug_trust; /* of both files together */
	struct file_identity debug_identity; /* all zero: not cached */

	enum table_state state;
	uint32_t index; /* READY: of the kernel's tables, or ABI_TABLE_NONE, or _NO_PROGRAM */
	uint32_t former; /* while it is wanted anew: the index so far, which still serves */
	size_t n_rows; /* READY: of the kernel's */
	bool is_partial; /* READY: a debug file may know more */
	struct list link; /* in the queue of its owner */
	struct tables *tables;
	struct table_owner *owner; /* while WAITING or COMPILING */
	bool is_aside; /* COMPILING: it let others go before it */
	struct worker_call call;
	unsigned n_failures;
};

struct tables_config {
	struct loop *loop; /* borrowed */
	const char *worker_path;
	const char *cache_directory; /* NULL: none */
	int shards_fd, tables_fd; /* the kernel's maps; borrowed */
	/* The table is READY or FAILED. From the loop or from tables_want(). */
	void (*on_table)(void *userdata, struct table *table);
	/* There is no room for another table: may drop some that are READY. Returns whether it did. */
	bool (*on_full)(void *userdata);
	void *userdata;
};

struct tables_statistics {
	uint64_t n_tables, n_rows, bytes; /* in use; bytes of the kernel's memory, used or not */
	uint64_t n_shared; /* files that had the same table as another one */
	uint64_t n_compiled;
	uint64_t n_failed; /* no worker brought them */
	uint64_t n_refused; /* files that make no sense, no room, too many of one user */
	uint64_t n_cache_hits, n_cache_bad, cache_bytes;
};

/* 0 or a negative errno. That there can be no cache is said in the log. */
int tables_new(const struct tables_config *config, struct tables **ret_tables);
/* Tables that are still wanted are forgotten: no callback comes. */
struct tables *tables_free(struct tables *tables);

/* For a table that is not WAITING or COMPILING. One that is READY may be wanted anew, with a debug
 * file: it serves as it is until the new one does, or for ever, if that FAILED. */
void tables_want(struct tables *tables, struct table *table);

/* Makes a table IDLE that is in any state but COMPILING; the kernel's files must not have its index
 * any more. */
void tables_drop(struct tables *tables, struct table *table);

/* What compiling may use from now on, of one CPU; from 1 on it is not held back. What is in the cache
 * costs nothing to speak of. */
void tables_set_share(struct tables *tables, double share);
/* Ends workers that have nothing to do. */
void tables_trim(struct tables *tables);
/* CPU time of the workers so far. */
uint64_t tables_cpu_ns(const struct tables *tables);

/* How many are waiting or being compiled. */
size_t tables_n_wanted(const struct tables *tables);
/* How many are being compiled. */
size_t tables_n_compiling(const struct tables *tables);

void tables_statistics(const struct tables *tables, struct tables_statistics *ret_statistics);
