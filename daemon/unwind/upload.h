/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Unwind tables into the kernel's maps: rows are copied into shards that are mapped into memory,
 * and a table's description says which rows are its. Equal tables are one, however many files they
 * are of. Space that was given back is not used again before every walk that could still read it
 * has ended.
 */

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct upload;

struct upload_statistics {
	uint64_t n_tables, n_rows; /* in use */
	uint64_t n_shared; /* additions that found their rows there already */
	uint64_t bytes; /* of the shards, used or not */
};

/* Borrowed: the fds of the maps `shards` and `tables` of the BPF object. 0 or -ENOMEM. */
int upload_new(int shards_fd, int tables_fd, struct upload **ret_upload);
struct upload *upload_free(struct upload *upload);

/*
 * Copies n > 0 validated rows; they serve as soon as the kernel knows the index. Each success wants
 * one upload_remove(). 0, -ENOSPC (all shards or all tables are in use, or the table would be in too
 * many pieces), or another negative errno; then nothing was added. May wait some milliseconds for
 * the kernel, when it takes a new shard or space that was given back.
 */
int upload_add(struct upload *upload, const struct abi_row *rows, size_t n, uint32_t *ret_index);

/* No file of the kernel's has the index any more on behalf of one upload_add(). */
void upload_remove(struct upload *upload, uint32_t index);

void upload_statistics(const struct upload *upload, struct upload_statistics *ret_statistics);
