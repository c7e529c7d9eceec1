/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The dictionary on disk: records of one kind that one window was the first to need, one after the other
 * in one row, deflated. A row for each would be five times as large. Functions give 0 or a negative
 * errno as database.h has them.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/store/database.h"
#include "proto/base/buffer.h"

/* Being made: records with the ids `first`, `first` + 1, … */
struct chunk_draft {
	struct buffer plain;
	uint32_t first, n;
};

/* The next record; without any bytes it stands for none. */
void chunk_put(struct chunk_draft *draft, const void *bytes, size_t size);
bool chunk_is_full(const struct chunk_draft *draft);
/* Puts it down as a row, last met then; the draft is empty after that. One without records is no row. */
int chunk_write(
	struct database *database, enum record_kind kind, struct chunk_draft *draft, int64_t last);
void chunk_draft_done(struct chunk_draft *draft);

struct chunk {
	uint32_t first, n;
	uint8_t *plain;
	uint32_t *ends; /* of each record, in `plain` */
};

/* That of the row that a statement stands at: its columns are first, n, n_bytes and data. */
int chunk_read(struct chunk *chunk, sqlite3_stmt *row);
/* That which has the record; -EUCLEAN: none has. */
int chunk_find(struct chunk *chunk, struct database *database, enum record_kind kind, uint32_t id);
/* NULL: there is no such record. */
const uint8_t *chunk_record(const struct chunk *chunk, uint32_t id, size_t *ret_size);
void chunk_done(struct chunk *chunk);

/* Those that a reader has met, up to a limit of memory. */
struct chunks {
	struct chunk *items; /* by `first` */
	size_t n, n_allocated, n_bytes;
};

/* A record's bytes, valid until the next call; -EUCLEAN: there is no such record. */
int chunks_find(struct chunks *chunks, struct database *database, enum record_kind kind,
	uint32_t id, const uint8_t **ret_bytes, size_t *ret_size);
void chunks_done(struct chunks *chunks);
