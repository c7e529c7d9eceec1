/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Tables on disk: what was kept comes back, for the same content of the same file only; what is short,
 * damaged, of another version or somebody else's is ignored, counted and replaced; limits hold.
 */

#include "daemon/unwind/table-cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define N_ROWS 100
#define FILE_SIZE 100000

static char directory[] = "/tmp/perfctl-test-cache-XXXXXX";
static const struct table_cache_limits wide = {.bytes = 1 << 20, .n_files = 1000};
static struct table_cache *cache;
static struct abi_row rows[N_ROWS];

static struct table_key key_of(uint64_t inode)
{
	return (struct table_key){.object = {.device = 8,
					  .inode = inode,
					  .size = FILE_SIZE,
					  .change_ns = 17,
					  .modify_ns = 16,
					  .first_page = 0x1234}};
}

static struct table_content content_of(size_t n)
{
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct abi_row){
			.pc = (uint32_t)i * 16,
			.cfa_offset = (int16_t)i,
			.kinds = i + 1 < n ? ABI_CFA_RSP : ABI_CFA_GAP,
		};
	return (struct table_content){.rows = rows, .n = n, .is_partial = n == 7};
}

static void open_with(const struct table_cache_limits *limits)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(table_cache_open(directory, limits, &cache), 0);
}

static void open_again(void)
{
	table_cache_close(cache);
	ck_assert_int_eq(table_cache_open(directory, &wide, &cache), 0);
}

static struct table_cache_statistics statistics(void)
{
	struct table_cache_statistics now;

	table_cache_statistics(cache, &now);
	return now;
}

/* How many rows come back, or -1. */
static int found(const struct table_key *key)
{
	CLEANUP(freep) void *memory = NULL;
	struct table_content content;
	int r = table_cache_find(cache, key, &content, &memory);

	if (r)
		return -1;
	ck_assert_int_eq(content.is_partial, content.n == 7);
	content_of(content.n);
	ck_assert_int_eq(memcmp(rows, content.rows, content.n * sizeof(*rows)), 0);
	return (int)content.n;
}

static void add(uint64_t inode, size_t n, bool is_roots)
{
	struct table_key key = key_of(inode);
	struct table_content content = content_of(n);

	ck_assert_int_eq(table_cache_add(cache, &key, &content, is_roots), 0);
}

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

START_TEST(what_was_kept_comes_back_after_a_restart)
{
	struct table_key key = key_of(5), none = key_of(6), partial = key_of(7);
	struct stat stat_of;

	open_with(&wide);
	ck_assert_int_eq(found(&key), -1);
	add(5, N_ROWS, true);
	add(6, 0, true);
	add(7, 7, false);
	open_again();
	ck_assert_int_eq(found(&key), N_ROWS);
	ck_assert_int_eq(found(&none), 0);
	ck_assert_int_eq(found(&partial), 7);
	ck_assert_uint_eq(statistics().n_hits, 3);
	ck_assert_uint_eq(statistics().n_bad, 0);
	ck_assert_int_eq(stat(directory, &stat_of), 0);
	ck_assert_uint_eq(stat_of.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(path_of("r8-5"), &stat_of), 0);
	ck_assert_uint_eq(stat_of.st_mode & 07777, 0600);
	table_cache_close(cache);
}
END_TEST

START_TEST(another_content_of_the_file_is_not_found)
{
	open_with(&wide);
	add(5, N_ROWS, true);
	for (size_t at = 0; at < sizeof(struct table_key); at += sizeof(uint64_t)) {
		struct table_key key = key_of(5);

		((uint64_t *)&key)[at / sizeof(uint64_t)] ^= 1;
		ck_assert_int_eq(found(&key), -1);
	}
	table_cache_close(cache);
}
END_TEST

static void damage(off_t at)
{
	CLEANUP(closep) int fd = open(path_of("r8-5"), O_RDWR);
	uint8_t byte;

	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
}

START_TEST(every_damaged_byte_is_noticed_and_replaced)
{
	struct table_key key = key_of(5);
	struct stat stat_of;

	open_with(&wide);
	add(5, 20, true);
	ck_assert_int_eq(stat(path_of("r8-5"), &stat_of), 0);
	for (off_t at = 0; at < stat_of.st_size; at++) {
		damage(at);
		ck_assert_msg(found(&key) < 0, "byte %ld", (long)at);
		damage(at);
	}
	ck_assert_uint_eq(statistics().n_bad, (uint64_t)stat_of.st_size);
	for (off_t size = 0; size < stat_of.st_size; size += 7) {
		ck_assert_int_eq(truncate(path_of("r8-5"), size), 0);
		ck_assert_int_lt(found(&key), 0);
	}
	add(5, 20, true);
	ck_assert_int_eq(found(&key), 20);
	table_cache_close(cache);
}
END_TEST

/* Rows that no validator lets pass, with a checksum that is right. */
START_TEST(rows_are_validated)
{
	struct table_key key = key_of(5);
	struct table_content content;

	open_with(&wide);
	content = content_of(10);
	rows[3].pc = rows[2].pc;
	ck_assert_int_eq(table_cache_add(cache, &key, &content, true), 0);
	ck_assert_int_eq(found(&key), -1);
	content = content_of(10);
	rows[9].kinds = ABI_CFA_RSP;
	ck_assert_int_eq(table_cache_add(cache, &key, &content, true), 0);
	ck_assert_int_eq(found(&key), -1);
	ck_assert_uint_eq(statistics().n_bad, 2);
	table_cache_close(cache);
}
END_TEST

START_TEST(links_and_other_things_are_not_followed)
{
	struct table_key key = key_of(5);
	char target[300];

	open_with(&wide);
	add(5, 20, true);
	snprintf(target, sizeof(target), "%s.real", path_of("r8-5"));
	ck_assert_int_eq(rename(path_of("r8-5"), target), 0);
	ck_assert_int_eq(symlink(target, path_of("r8-5")), 0);
	ck_assert_int_eq(found(&key), -1);
	ck_assert_int_eq(unlink(path_of("r8-5")), 0);
	ck_assert_int_eq(mkfifo(path_of("r8-5"), 0600), 0);
	ck_assert_int_eq(found(&key), -1);
	ck_assert_uint_eq(statistics().n_bad, 2);
	add(5, 20, true);
	ck_assert_int_eq(found(&key), 20);
	table_cache_close(cache);
}
END_TEST

START_TEST(directory_that_others_may_enter_is_refused)
{
	open_with(&wide);
	table_cache_close(cache);
	ck_assert_int_eq(chmod(directory, 0750), 0);
	ck_assert_int_eq(table_cache_open(directory, &wide, &cache), -EPERM);
	ck_assert_int_eq(table_cache_open("/nowhere/at/all", &wide, &cache), -ENOENT);
	if (!geteuid()) {
		ck_assert_int_eq(chmod(directory, 0700), 0);
		ck_assert_int_eq(chown(directory, 12345, 12345), 0);
		ck_assert_int_eq(table_cache_open(directory, &wide, &cache), -EPERM);
	}
}
END_TEST

/* Makes a file look as if it was used some hours ago. */
static void age(const char *name, time_t hours)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - hours * 3600 - 60},
		{.tv_sec = time(NULL) - hours * 3600 - 60}};

	ck_assert_int_eq(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

START_TEST(oldest_unused_go_first)
{
	const struct table_cache_limits narrow = {.bytes = 1 << 20, .n_files = 8};
	struct table_key first = key_of(1), second = key_of(2), ninth = key_of(9);
	char name[16];

	open_with(&narrow);
	for (uint64_t inode = 1; inode <= 8; inode++) {
		add(inode, 10, true);
		snprintf(name, sizeof(name), "r8-%d", (int)inode);
		age(name, 20 - (time_t)inode);
	}
	ck_assert_int_eq(found(&first), 10); /* used now */
	add(9, 10, true);
	ck_assert_uint_ge(statistics().n_dropped, 3);
	ck_assert_int_eq(found(&first), 10);
	ck_assert_int_eq(found(&second), -1);
	ck_assert_int_eq(found(&ninth), 10);
	table_cache_close(cache);
}
END_TEST

START_TEST(size_as_a_whole_is_limited_and_others_drop_their_own)
{
	const struct table_cache_limits narrow = {.bytes = 20000, .n_files = 1000};
	struct table_key roots = key_of(1);

	open_with(&narrow);
	add(1, N_ROWS, true);
	age("r8-1", 50);
	for (uint64_t inode = 100; inode < 200; inode++)
		add(inode, N_ROWS, false);
	ck_assert_uint_le(statistics().bytes, 20000);
	ck_assert_uint_gt(statistics().n_dropped, 50);
	ck_assert_int_eq(found(&roots), N_ROWS);
	table_cache_close(cache);
}
END_TEST

START_TEST(unfinished_files_of_the_dead_are_removed)
{
	FILE *file;

	open_with(&wide);
	file = fopen(path_of("t77"), "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	open_again();
	ck_assert_int_eq(access(path_of("t77"), F_OK), 0); /* somebody may be at it */
	age("t77", 2);
	open_again();
	ck_assert_int_lt(access(path_of("t77"), F_OK), 0);
	table_cache_close(cache);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_was_kept_comes_back_after_a_restart,
		another_content_of_the_file_is_not_found,
		every_damaged_byte_is_noticed_and_replaced,
		rows_are_validated,
		links_and_other_things_are_not_followed,
		directory_that_others_may_enter_is_refused,
		oldest_unused_go_first,
		size_as_a_whole_is_limited_and_others_drop_their_own,
		unfinished_files_of_the_dead_are_removed,
	};
	char command[128];
	int r;

	if (!mkdtemp(directory))
		return EXIT_FAILURE;
	r = check_main("unwind/table-cache", tests, ARRAY_SIZE(tests));
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) || r ? EXIT_FAILURE : EXIT_SUCCESS;
}
