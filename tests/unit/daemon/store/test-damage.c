/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The end of the process at any moment, a damaged file, one of another version or program. */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "tests/lib/check-main.h"
#include "tests/unit/daemon/store/make-window.h"

#define N_KILLS 100
#define MUCH UINT64_MAX / 4

static int put_window(struct place *place, uint32_t i)
{
	struct window window;
	int r;

	window_begin(&window, i * WINDOW_NS);
	for (uint32_t k = 0; k < 40; k++) {
		char leaf[16];

		snprintf(leaf, sizeof(leaf), "f%u", i * 40 + k);
		window_sample(&window, "a", 0, leaf, 1);
	}
	r = window_store(&window, place, i);
	window_done(&window);
	return r;
}

/* Check writes down each assertion in a file that it shares with us: killed in the midst of that, we
 * would spoil it. */
static void leave_check(int but_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 64; fd++)
		if (fd != but_fd && fd != null_fd)
			dup2(null_fd, fd);
}

/* Writes windows without end, and tells of each that is in. */
static _Noreturn void write_windows(struct place *place, uint32_t i, int fd)
{
	leave_check(fd);
	place_open(place, MUCH, MUCH);
	for (;; i++) {
		if (put_window(place, i) || write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

START_TEST(killed_at_any_moment_it_loses_the_open_window_at_most)
{
	struct place place;
	uint32_t next = 0;

	place_init(&place);
	srand(1);
	for (int k = 0; k < N_KILLS; k++) {
		uint32_t told = UINT32_MAX;
		int pipes[2];
		pid_t pid;

		ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
		pid = fork();
		if (!pid)
			write_windows(&place, next, pipes[1]);
		close(pipes[1]);
		/* At some point of the first, second or third window. */
		for (int n = rand() % 3; n; n--)
			ck_assert_int_eq(read(pipes[0], &told, sizeof(told)), sizeof(told));
		if (told != UINT32_MAX)
			next = told + 1;
		usleep((useconds_t)(rand() % 4000));
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		while (read(pipes[0], &told, sizeof(told)) == sizeof(told))
			next = told + 1;
		close(pipes[0]);
		place_open(&place, MUCH, MUCH);
		ck_assert_uint_eq(place.store.n_set_aside, 0);
		ck_assert_int_eq(place_number(&place,
					 "SELECT count(*) FROM pragma_integrity_check WHERE "
					 "integrity_check = 'ok'"),
			1);
		ck_assert_int_ge(place_number(&place, "SELECT count(*) FROM window"), next);
		ck_assert_int_le(place_number(&place, "SELECT count(*) FROM window"), next + 1);
		/* All that windows refer to is there. */
		if (next) {
			CLEANUP(profile_unrefp)
			struct profile *all = place_query(&place, 0, UINT64_MAX / 8, 0);

			ck_assert_uint_ge(count_all(all), next * 40);
		}
		store_close(&place.store);
	}
	ck_assert_uint_gt(next, N_KILLS / 2);
	place_done(&place);
}
END_TEST

static size_t count_files(const struct place *place, const char *pattern)
{
	char path[192];
	glob_t found = {0};
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", place->directory, pattern);
	n = glob(path, 0, NULL, &found) ? 0 : found.gl_pathc;
	globfree(&found);
	return n;
}

static void overwrite(const struct place *place, off_t at, const char *bytes, size_t n)
{
	int fd = open(place->file, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
	close(fd);
}

START_TEST(a_damaged_file_is_put_aside_and_a_new_one_begun)
{
	static const char garbage[8192] = "this is no database, and never was";
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	ck_assert_int_eq(put_window(&place, 0), 0);
	store_close(&place.store);
	overwrite(&place, 0, garbage, sizeof(garbage));
	place_open(&place, MUCH, MUCH);
	ck_assert_uint_eq(place.store.n_set_aside, 1);
	ck_assert_uint_eq(count_files(&place, "profiles.db.damaged-*"), 1);
	ck_assert_int_eq(put_window(&place, 1), 0);
	place_done(&place);
}
END_TEST

START_TEST(a_damaged_page_is_found_when_it_is_used)
{
	static const char garbage[4096] = "\xff\xff\xff\xff";
	struct place place;
	int r = 0;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	for (uint32_t i = 0; i < 20; i++)
		ck_assert_int_eq(put_window(&place, i), 0);
	store_close(&place.store);
	for (off_t page = 3; page < 30; page++)
		overwrite(&place, page * 4096, garbage, sizeof(garbage));
	place_open(&place, MUCH, MUCH);
	for (uint32_t i = 20; i < 40 && !r; i++)
		r = put_window(&place, i);
	ck_assert_int_eq(r, -EUCLEAN);
	ck_assert_int_eq(store_set_aside(&place.store), 0);
	ck_assert_int_eq(put_window(&place, 50), 0);
	ck_assert_uint_eq(count_files(&place, "profiles.db.damaged-*"), 1);
	place_done(&place);
}
END_TEST

START_TEST(a_later_version_is_left_alone)
{
	struct store_limits limits = {MUCH, MUCH};
	struct place place;
	int64_t n;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	ck_assert_int_eq(put_window(&place, 0), 0);
	ck_assert_int_eq(database_execute(&place.store.database, "PRAGMA user_version = 99"), 0);
	store_close(&place.store);
	ck_assert_int_eq(store_open(&place.store, place.file, &limits), DATABASE_NEWER);
	ck_assert_ptr_null(place.store.database.handle);
	ck_assert_uint_eq(count_files(&place, "*damaged*"), 0);
	ck_assert_int_eq(sqlite3_open(place.file, &place.store.database.handle), SQLITE_OK);
	n = place_number(&place, "SELECT count(*) FROM window");
	ck_assert_int_eq(n, 1);
	place_done(&place);
}
END_TEST

/* What version 2 wrote, with that what version 1 had, and what it was brought to by version 3. */
static void make_older(struct place *place, int version)
{
	CLEANUP(freep) char *sql = NULL;
	sqlite3 *file;

	ck_assert_int_eq(text_read_file(-1, VERSION_2, 1 << 20, &sql, NULL), 0);
	ck_assert_int_eq(sqlite3_open(place->file, &file), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(file, sql, NULL, NULL, NULL), SQLITE_OK);
	if (version == 1)
		ck_assert_int_eq(sqlite3_exec(file,
					 "ALTER TABLE frame DROP COLUMN detail;"
					 "PRAGMA user_version = 1",
					 NULL, NULL, NULL),
			SQLITE_OK);
	sqlite3_close(file);
	if (version != 3)
		return;
	place_open(place, MUCH, MUCH);
	ck_assert_int_eq(database_execute(&place->store.database,
				 "DROP TABLE kept; PRAGMA user_version = 3"),
		0);
	store_close(&place->store);
}

static void is_brought_up_to_date(int version)
{
	CLEANUP(profile_unrefp) struct profile *all = NULL, *mine = NULL;
	struct database database;
	struct window window;
	struct place place;

	place_init(&place);
	make_older(&place, version);
	/* Who reads only, waits for who may write. */
	ck_assert_int_eq(database_open(&database, place.file, true), DATABASE_OLDER);
	place_open(&place, MUCH, MUCH);
	ck_assert_int_eq(database_open(&database, place.file, true), 0);
	database_close(&database);
	ck_assert_int_eq(place_number(&place, "PRAGMA user_version"), DATABASE_VERSION);
	ck_assert_int_eq(place_number(&place, "SELECT count(*) FROM kept"), 0);
	/* What is new stands beside it; a frame that is there already is not there twice. */
	window_begin(&window, 3 * WINDOW_NS);
	window_sample(&window, "nginx", 0, "late", 2);
	window_sample(&window, "new", 0, "f99", 4);
	ck_assert_int_eq(window_store(&window, &place, 99), 0);
	window_done(&window);
	all = place_query(&place, 0, 4 * WINDOW_NS, 0);
	ck_assert_uint_eq(count_all(all), 33);
	ck_assert_uint_eq(count_leaf(all, "f1"), 18);
	ck_assert_uint_eq(count_leaf(all, "late"), 8);
	ck_assert_uint_eq(count_leaf(all, "f21"), 1);
	ck_assert_uint_eq(count_leaf(all, "f99"), 4);
	ck_assert_uint_eq(profile_n_lost(all), 9);
	ck_assert_uint_eq(all->ledger.n_unnamed, 0);
	mine = place_query(&place, 0, 4 * WINDOW_NS, 1000);
	ck_assert_uint_eq(count_all(mine), 18);
	ck_assert_int_eq(place_number(&place, "SELECT sum(n) FROM frame"), 7);
	ck_assert_int_eq(place_number(&place,
				 "SELECT count(*) FROM sqlite_schema"
				 " WHERE name LIKE 'old%'"),
		0);
	ck_assert_uint_eq(count_files(&place, "*damaged*"), 0);
	place_done(&place);
}

START_TEST(an_earlier_version_is_brought_up_to_date_with_all_that_it_has)
{
	for (int version = 1; version < DATABASE_VERSION; version++)
		is_brought_up_to_date(version);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_told_so)
{
	struct store_limits limits = {MUCH, MUCH};
	struct place place;

	place_init(&place);
	snprintf(place.file, sizeof(place.file), "%s/none/profiles.db", place.directory);
	ck_assert_int_eq(store_open(&place.store, place.file, &limits), -EROFS);
	place_done(&place);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		killed_at_any_moment_it_loses_the_open_window_at_most,
		a_damaged_file_is_put_aside_and_a_new_one_begun,
		a_damaged_page_is_found_when_it_is_used,
		a_later_version_is_left_alone,
		an_earlier_version_is_brought_up_to_date_with_all_that_it_has,
		a_file_that_cannot_be_written_is_told_so,
	};

	return check_main("store-damage", tests, ARRAY_SIZE(tests));
}
