/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A disk that fills up at any write whatever: SQLite writes through a door of ours, which shuts after so
 * many writes and stays shut until there is room again.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"
#include "tests/unit/daemon/store/make-window.h"

#define MUCH (UINT64_MAX / 4)
#define SAMPLES 12 /* of a window */

static sqlite3_vfs door, *real;
/* The main file has locks, others have not: their methods differ. */
static struct {
	const sqlite3_io_methods *real;
	sqlite3_io_methods ours;
} methods[2];
static unsigned n_left, n_writes; /* writes that there is room for; that were made */

static bool has_room(void)
{
	n_writes++;
	if (!n_left)
		return false;
	n_left--;
	return true;
}

static int door_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	size_t kind = file->pMethods == &methods[1].ours;

	return has_room() ? methods[kind].real->xWrite(file, bytes, n, at) : SQLITE_FULL;
}

/* Nobody turns the machine off, and it takes long. */
static int door_sync(sqlite3_file *file, int flags)
{
	return SQLITE_OK;
}

/* The real one's files, but for what writes. */
static int door_open(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	int r = real->xOpen(real, name, file, flags, ret_flags);
	size_t kind = (flags & SQLITE_OPEN_MAIN_DB) != 0;

	if (r != SQLITE_OK)
		return r;
	methods[kind].real = file->pMethods;
	methods[kind].ours = *file->pMethods;
	methods[kind].ours.xWrite = door_write;
	methods[kind].ours.xSync = door_sync;
	file->pMethods = &methods[kind].ours;
	return SQLITE_OK;
}

static void door_install(void)
{
	real = sqlite3_vfs_find(NULL);
	door = *real;
	door.zName = "door";
	door.xOpen = door_open;
	ck_assert_int_eq(sqlite3_vfs_register(&door, 1), SQLITE_OK);
	n_left = UINT32_MAX;
}

static int put_window(struct place *place, uint32_t i)
{
	struct window window;
	int r;

	window_begin(&window, i * WINDOW_NS);
	for (uint32_t k = 0; k < SAMPLES; k++) {
		char leaf[16];

		snprintf(leaf, sizeof(leaf), "f%u", i * SAMPLES + k);
		window_sample(&window, "a", 0, leaf, 1);
	}
	r = window_store(&window, place, i);
	window_done(&window);
	return r;
}

static void is_whole(struct place *place, uint32_t n_windows)
{
	CLEANUP(profile_unrefp) struct profile *all = place_query(place, 0, MUCH / 8, 0);

	ck_assert_int_eq(place_number(place,
				 "SELECT count(*) FROM pragma_integrity_check WHERE "
				 "integrity_check = 'ok'"),
		1);
	ck_assert_uint_eq(count_all(all), n_windows * SAMPLES);
	ck_assert_int_eq(place_number(place, "SELECT count(*) FROM window"), n_windows);
}

/* Three windows are in; the fourth one meets the shut door. Whether it got in. */
static bool meet_door(unsigned n)
{
	struct store_limits limits = {MUCH, MUCH};
	struct place place;
	bool is_in;
	int r;

	place_init(&place);
	n_left = UINT32_MAX;
	place_open(&place, MUCH, MUCH);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(put_window(&place, i), 0);
	n_left = n;
	r = put_window(&place, 3);
	is_in = !r;
	if (r) {
		ck_assert_int_eq(r, -ENOSPC);
		/* As perfd-store does; while there is no room, each try says the same. */
		store_close(&place.store);
		r = store_open(&place.store, place.file, &limits);
		ck_assert_msg(r == 0 || r == -ENOSPC, "%d", r);
		if (!r)
			ck_assert_int_eq(put_window(&place, 3), -ENOSPC);
		store_close(&place.store);
		n_left = UINT32_MAX;
		place_open(&place, MUCH, MUCH);
		is_whole(&place, 3);
		ck_assert_int_eq(put_window(&place, 3), 0);
	}
	n_left = UINT32_MAX;
	is_whole(&place, 4);
	ck_assert_uint_eq(place.store.n_set_aside, 0);
	place_done(&place);
	return is_in;
}

START_TEST(a_disk_that_fills_up_at_any_write_costs_nothing_older)
{
	unsigned n = 0;

	door_install();
	while (!meet_door(n))
		n++;
	/* A window is many writes. */
	ck_assert_uint_gt(n, 10);
}
END_TEST

START_TEST(a_disk_that_is_full_from_the_start_is_waited_for)
{
	struct store_limits limits = {MUCH, MUCH};
	struct place place;
	unsigned n_all;

	door_install();
	place_init(&place);
	n_writes = 0;
	place_open(&place, MUCH, MUCH);
	n_all = n_writes;
	place_done(&place);
	for (unsigned n = 0; n < n_all; n++) {
		place_init(&place);
		n_left = n;
		/* What is written last may not be needed. */
		if (store_open(&place.store, place.file, &limits))
			ck_assert_ptr_null(place.store.database.handle);
		store_close(&place.store);
		n_left = UINT32_MAX;
		place_open(&place, MUCH, MUCH);
		ck_assert_int_eq(put_window(&place, 0), 0);
		is_whole(&place, 1);
		ck_assert_uint_eq(place.store.n_set_aside, 0);
		place_done(&place);
	}
	ck_assert_uint_gt(n_all, 3);
}
END_TEST

START_TEST(rolling_up_and_making_room_on_a_full_disk_lose_nothing)
{
	bool is_done = false, has_more;
	struct place place;

	door_install();
	for (unsigned n = 0; !is_done; n++) {
		int r = 0;

		place_init(&place);
		n_left = UINT32_MAX;
		place_open(&place, MUCH, MUCH);
		for (uint32_t i = 0; i < 8; i++)
			ck_assert_int_eq(put_window(&place, i), 0);
		n_left = n;
		for (int k = 0; k < 8 && !r; k++)
			r = store_tend(
				&place.store, EPOCH_NS + 48 * 3600 * NS_PER_SECOND, &has_more);
		is_done = !r;
		ck_assert_msg(!r || r == -ENOSPC, "%d", r);
		store_close(&place.store);
		n_left = UINT32_MAX;
		place_open(&place, MUCH, MUCH);
		{
			CLEANUP(profile_unrefp)
			struct profile *all = place_query(&place, 0, MUCH / 8, 0);

			ck_assert_uint_eq(count_all(all), 8 * SAMPLES);
		}
		ck_assert_uint_eq(place.store.n_set_aside, 0);
		place_done(&place);
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_disk_that_fills_up_at_any_write_costs_nothing_older,
		a_disk_that_is_full_from_the_start_is_waited_for,
		rolling_up_and_making_room_on_a_full_disk_lose_nothing,
	};

	return check_main("store-full", tests, ARRAY_SIZE(tests));
}
