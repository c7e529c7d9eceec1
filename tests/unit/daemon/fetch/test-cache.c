/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What was fetched stays within its bounds; what a killed process left behind goes. */

#include "daemon/fetch/cache.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define KB 1024

struct place {
	char path[64];
};

static void place_init(struct place *place)
{
	strcpy(place->path, "/tmp/perfctl-test-fetched-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(place->path));
}

static void place_done(struct place *place)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", place->path);
	ck_assert_int_eq(system(command), 0);
}

/* A file of so many KiB that was last read and written so many seconds ago. */
static void put(const struct place *place, const char *name, size_t kb, time_t age)
{
	static const char bytes[KB] = {1};
	char path[128];
	struct timespec times[2] = {{time(NULL) - age}, {time(NULL) - age}};
	CLEANUP(closep) int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", place->path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < kb; i++)
		ck_assert_int_eq(write(fd, bytes, sizeof(bytes)), KB);
	ck_assert_int_eq(futimens(fd, times), 0);
}

static bool is_there(const struct place *place, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", place->path, name);
	return access(path, F_OK) == 0;
}

START_TEST(a_file_is_there_or_not_or_was_nowhere_a_short_while_ago)
{
	CLEANUP(place_done) struct place place;
	char path[128];

	place_init(&place);
	ck_assert_int_eq(cache_look(place.path, "ab"), 0);
	put(&place, "got", 1, 0);
	snprintf(path, sizeof(path), "%s/got", place.path);
	ck_assert_int_eq(cache_put(place.path, "ab", path), 0);
	ck_assert_int_eq(cache_look(place.path, "ab"), CACHE_FOUND);
	ck_assert(is_there(&place, "ab.debug") && !is_there(&place, "got"));
	ck_assert_int_eq(cache_put_none(place.path, "ab"), 0);
	ck_assert_int_eq(cache_look(place.path, "ab"), CACHE_NONE);
	put(&place, "cd.debug", 0, 7200);
	ck_assert_int_eq(cache_look(place.path, "cd"), 0);
}
END_TEST

START_TEST(what_was_not_read_for_longest_goes_first)
{
	CLEANUP(place_done) struct place place;

	place_init(&place);
	put(&place, "01.debug", 40, 100);
	put(&place, "02.debug", 40, 300);
	put(&place, "03.debug", 40, 200);
	put(&place, "else", 400, 900);
	ck_assert_int_eq(cache_trim(place.path, 100 * KB), 0);
	ck_assert(is_there(&place, "01.debug") && is_there(&place, "03.debug"));
	ck_assert(!is_there(&place, "02.debug"));
	ck_assert_int_eq(cache_trim(place.path, 0), 0);
	ck_assert(!is_there(&place, "01.debug") && !is_there(&place, "03.debug"));
	ck_assert(is_there(&place, "else"));
}
END_TEST

START_TEST(what_is_worked_in_stays_and_what_was_left_behind_goes)
{
	CLEANUP(place_done) struct place place;
	CLEANUP(cache_work_end) struct cache_work one = {.fd = -1}, two = {.fd = -1};
	char path[128];

	place_init(&place);
	snprintf(path, sizeof(path), "%s/work.killed", place.path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	put(&place, "work.killed/half", 1, 0);
	ck_assert_int_eq(cache_work_begin(place.path, &one), 0);
	ck_assert(!is_there(&place, "work.killed"));
	ck_assert_int_eq(cache_work_begin(place.path, &two), 0);
	ck_assert_int_eq(access(one.path, F_OK), 0);
	strcpy(path, one.path);
	cache_work_end(&one);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(access(two.path, F_OK), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_file_is_there_or_not_or_was_nowhere_a_short_while_ago,
		what_was_not_read_for_longest_goes_first,
		what_is_worked_in_stays_and_what_was_left_behind_goes,
	};

	return check_main("fetch-cache", tests, ARRAY_SIZE(tests));
}
