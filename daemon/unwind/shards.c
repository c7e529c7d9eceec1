/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A sorted array of free extents: some thousand at most, since a table that is there keeps two
 * neighbours apart, and taken from seldom. A table that fits nowhere in one piece is cut, the
 * largest extents first, so that pieces are few.
 */

#include "daemon/unwind/shards.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"

static bool is_before(const struct shard_extent *a, const struct shard_extent *b)
{
	return a->shard != b->shard ? a->shard < b->shard : a->first < b->first;
}

static bool touches(const struct shard_extent *left, const struct shard_extent *right)
{
	return left->shard == right->shard && left->first + left->n == right->first;
}

static void remove_at(struct shard_room *room, size_t i)
{
	room->n--;
	memmove(&room->extents[i], &room->extents[i + 1], (room->n - i) * sizeof(*room->extents));
}

int shard_room_give(struct shard_room *room, struct shard_extent extent)
{
	size_t i = room->n;
	int r = array_reserve(
		&room->extents, &room->n_allocated, room->n + 1, sizeof(*room->extents));

	if (r < 0)
		return r;
	room->n_rows += extent.n;
	while (i && is_before(&extent, &room->extents[i - 1]))
		i--;
	if (i < room->n && touches(&extent, &room->extents[i])) {
		extent.n += room->extents[i].n;
		remove_at(room, i);
	}
	if (i && touches(&room->extents[i - 1], &extent)) {
		room->extents[i - 1].n += extent.n;
		return 0;
	}
	memmove(&room->extents[i + 1], &room->extents[i], (room->n - i) * sizeof(extent));
	room->extents[i] = extent;
	room->n++;
	return 0;
}

/* The smallest extent of at least n rows; if there is none, the largest. Of an empty room: 0. */
static size_t find_fitting(const struct shard_room *room, uint64_t n)
{
	size_t best = 0;

	for (size_t i = 1; i < room->n; i++) {
		uint32_t size = room->extents[i].n, best_size = room->extents[best].n;

		if (best_size >= n ? size >= n && size < best_size : size > best_size)
			best = i;
	}
	return best;
}

size_t shard_room_take(
	struct shard_room *room, uint64_t n, struct shard_extent *ret_extents, size_t n_max)
{
	size_t n_pieces = 0;

	while (n && n_pieces < n_max && room->n) {
		size_t i = find_fitting(room, n);
		struct shard_extent *extent = &room->extents[i];
		struct shard_extent piece = *extent;

		if (piece.n > n)
			piece.n = (uint32_t)n;
		extent->first += piece.n;
		extent->n -= piece.n;
		if (!extent->n)
			remove_at(room, i);
		room->n_rows -= piece.n;
		n -= piece.n;
		ret_extents[n_pieces++] = piece;
	}
	if (!n)
		return n_pieces;
	/* There is memory for what was there a moment ago. */
	while (n_pieces)
		shard_room_give(room, ret_extents[--n_pieces]);
	return 0;
}

void shard_room_done(struct shard_room *room)
{
	free(room->extents);
	*room = (struct shard_room){};
}
