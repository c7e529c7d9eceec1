/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Room for rows in shards: who has which rows. No kernel in here: what a shard is made of is the
 * caller's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows [first, first + n) of a shard. */
struct shard_extent {
	uint32_t shard, first, n;
};

/* What is free, sorted, no two neighbours touching within a shard. */
struct shard_room {
	struct shard_extent *extents;
	size_t n, n_allocated;
	uint64_t n_rows;
};

/* Gives rows (back). 0 or -ENOMEM: they are lost until the room is freed. */
int shard_room_give(struct shard_room *room, struct shard_extent extent);

/*
 * Takes n > 0 rows in at most n_max pieces, in ascending order of what they hold: the smallest
 * extent that has room for all, else the largest ones. Returns the number of pieces, or 0: not enough
 * room, nothing was taken.
 */
size_t shard_room_take(
	struct shard_room *room, uint64_t n, struct shard_extent *ret_extents, size_t n_max);

void shard_room_done(struct shard_room *room);
