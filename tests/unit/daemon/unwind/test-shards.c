/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Room for rows: whatever is taken and given back, no row has two owners and none is lost. */

#include "daemon/unwind/shards.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define N_SHARDS 4
#define SHARD_ROWS 1000
#define PIECES_MAX 8
#define TABLES 64
#define ROUNDS 20000

static struct shard_room room;

static void room_open(void)
{
	room = (struct shard_room){};
	for (uint32_t i = 0; i < N_SHARDS; i++)
		ck_assert_int_eq(
			shard_room_give(&room, (struct shard_extent){i, 0, SHARD_ROWS}), 0);
}

START_TEST(neighbours_become_one_and_shards_do_not)
{
	struct shard_extent extents[PIECES_MAX];

	room_open();
	ck_assert_uint_eq(room.n, N_SHARDS);
	ck_assert_uint_eq(shard_room_take(&room, 100, extents, PIECES_MAX), 1);
	ck_assert_uint_eq(room.n_rows, N_SHARDS * SHARD_ROWS - 100);
	ck_assert_int_eq(shard_room_give(&room, extents[0]), 0);
	ck_assert_uint_eq(room.n, N_SHARDS);
	ck_assert_uint_eq(room.n_rows, N_SHARDS * SHARD_ROWS);
	shard_room_done(&room);
}
END_TEST

START_TEST(smallest_extent_that_has_room_is_taken)
{
	struct shard_extent extents[PIECES_MAX];

	room = (struct shard_room){};
	shard_room_give(&room, (struct shard_extent){0, 0, 500});
	shard_room_give(&room, (struct shard_extent){1, 0, 60});
	shard_room_give(&room, (struct shard_extent){2, 0, 300});
	ck_assert_uint_eq(shard_room_take(&room, 50, extents, PIECES_MAX), 1);
	ck_assert_uint_eq(extents[0].shard, 1);
	ck_assert_uint_eq(shard_room_take(&room, 50, extents, PIECES_MAX), 1);
	ck_assert_uint_eq(extents[0].shard, 2);
	shard_room_done(&room);
}
END_TEST

START_TEST(what_does_not_fit_takes_nothing)
{
	struct shard_extent extents[PIECES_MAX];

	room_open();
	ck_assert_uint_eq(
		shard_room_take(&room, N_SHARDS * SHARD_ROWS + 1, extents, PIECES_MAX), 0);
	ck_assert_uint_eq(shard_room_take(&room, 2 * SHARD_ROWS, extents, 1), 0);
	ck_assert_uint_eq(room.n, N_SHARDS);
	ck_assert_uint_eq(room.n_rows, N_SHARDS * SHARD_ROWS);
	shard_room_done(&room);
}
END_TEST

struct taken {
	struct shard_extent extents[PIECES_MAX];
	size_t n;
};

static void mark(uint8_t owners[N_SHARDS][SHARD_ROWS], const struct taken *taken, int change)
{
	for (size_t i = 0; i < taken->n; i++)
		for (uint32_t row = 0; row < taken->extents[i].n; row++) {
			uint8_t *owner = &owners[taken->extents[i].shard]
						[taken->extents[i].first + row];

			*owner = (uint8_t)(*owner + change);
			ck_assert_uint_le(*owner, 1);
		}
}

START_TEST(rows_have_one_owner_through_a_long_life)
{
	static uint8_t owners[N_SHARDS][SHARD_ROWS];
	static struct taken tables[TABLES];
	size_t n_refused = 0;

	srandom(1);
	room_open();
	for (int round = 0; round < ROUNDS; round++) {
		struct taken *taken = &tables[random() % TABLES];

		if (taken->n) {
			mark(owners, taken, -1);
			while (taken->n)
				shard_room_give(&room, taken->extents[--taken->n]);
			continue;
		}
		taken->n = shard_room_take(
			&room, (uint64_t)(random() % 300 + 1), taken->extents, PIECES_MAX);
		n_refused += !taken->n;
		mark(owners, taken, 1);
	}
	ck_assert_uint_gt(n_refused, 0);
	for (size_t i = 0; i < TABLES; i++)
		while (tables[i].n)
			shard_room_give(&room, tables[i].extents[--tables[i].n]);
	ck_assert_uint_eq(room.n, N_SHARDS);
	ck_assert_uint_eq(room.n_rows, N_SHARDS * SHARD_ROWS);
	shard_room_done(&room);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		neighbours_become_one_and_shards_do_not,
		smallest_extent_that_has_room_is_taken,
		what_does_not_fit_takes_nothing,
		rows_have_one_owner_through_a_long_life,
	};

	return check_main("unwind/shards", tests, ARRAY_SIZE(tests));
}
