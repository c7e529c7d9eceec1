/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Unwind tables into the kernel's maps: rows are copied into shards that are mapped into memory,
 * and a table's description says which rows are its. Space is given back all at once, when nothing
 * is sampled: a walk must never read rows that are being overwritten.
 */

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct upload;

/* Borrowed: the fds of the maps `shards` and `tables` of the BPF object. 0 or -ENOMEM. */
int upload_new(int shards_fd, int tables_fd, struct upload **ret_upload);
struct upload *upload_free(struct upload *upload);

/*
 * Copies n > 0 validated rows; they serve as soon as the kernel knows the index. 0, -ENOSPC (all
 * shards or all tables are in use, or the table would be in too many pieces), or another negative
 * errno; then nothing was added.
 */
int upload_add(struct upload *upload, const struct abi_row *rows, size_t n, uint32_t *ret_index);

/* Forgets all tables. Only while no tick can run. */
void upload_reset(struct upload *upload);

/* Memory of the shards, used or not, and rows in them. */
uint64_t upload_bytes(const struct upload *upload);
uint64_t upload_rows(const struct upload *upload);
