// SPDX-License-Identifier: GPL-2.0-or-later
/* A file is there whole or not at all, and an old one is never damaged. */

#include "cli/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "tests/lib/check-main.h"

static char directory[64];

static void enter_directory(void)
{
	snprintf(directory, sizeof(directory), "/tmp/test-output-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
}

static void leave_directory(void)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;

	while (entries && (entry = readdir(entries))) {
		unlinkat(dirfd(entries), entry->d_name, 0);
		unlinkat(dirfd(entries), entry->d_name, AT_REMOVEDIR);
	}
	if (entries)
		closedir(entries);
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(directory);
}

static size_t count_files(const char *path)
{
	DIR *entries = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	while ((entry = readdir(entries)))
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(entries);
	return n;
}

static void assert_content(const char *path, const char *wanted)
{
	CLEANUP(freep) char *text = NULL;
	size_t size;

	ck_assert_int_eq(text_read_file(AT_FDCWD, path, 1 << 20, &text, &size), 0);
	ck_assert_str_eq(text, wanted);
}

START_TEST(a_new_file_holds_what_was_written)
{
	ck_assert_int_eq(output_write_file("new", "hello", 5), 0);
	assert_content("new", "hello");
	ck_assert_uint_eq(count_files("."), 1);
}
END_TEST

START_TEST(a_regular_file_is_replaced)
{
	ck_assert_int_eq(output_write_file("file", "old", 3), 0);
	ck_assert_int_eq(output_write_file("file", "new", 3), 0);
	assert_content("file", "new");
	ck_assert_uint_eq(count_files("."), 1);
}
END_TEST

START_TEST(without_commit_the_old_file_stays)
{
	struct output output;

	ck_assert_int_eq(output_write_file("file", "old", 3), 0);
	ck_assert_int_eq(output_open(&output, "file"), 0);
	ck_assert_int_eq(output_write(&output, "half", 4), 0);
	assert_content("file", "old");
	output_done(&output);
	assert_content("file", "old");
	ck_assert_uint_eq(count_files("."), 1);
}
END_TEST

START_TEST(only_regular_files_are_replaced)
{
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(mkdir("directory", 0700), 0);
	ck_assert_int_eq(symlink("target", "link"), 0);
	ck_assert_int_lt(output_write_file("fifo", "x", 1), 0);
	ck_assert_int_lt(output_write_file("directory", "x", 1), 0);
	ck_assert_int_lt(output_write_file("link", "x", 1), 0);
	ck_assert_int_lt(output_write_file("/dev/null", "x", 1), 0);
	ck_assert_uint_eq(count_files("."), 3);
}
END_TEST

START_TEST(a_path_that_leads_nowhere_is_refused)
{
	ck_assert_int_eq(output_write_file("absent/file", "x", 1), -ENOENT);
	ck_assert_int_lt(output_write_file("", "x", 1), 0);
	ck_assert_int_lt(output_write_file("./", "x", 1), 0);
}
END_TEST

START_TEST(a_long_name_is_no_problem)
{
	char name[256];

	memset(name, 'n', 250);
	name[250] = '\0';
	ck_assert_int_eq(output_write_file(name, "x", 1), 0);
	assert_content(name, "x");
}
END_TEST

START_TEST(a_closed_directory_is_refused)
{
	if (geteuid() == 0)
		return; /* root writes anywhere; the full disk below is its case */
	ck_assert_int_eq(mkdir("closed", 0500), 0);
	ck_assert_int_eq(output_write_file("closed/file", "x", 1), -EACCES);
}
END_TEST

/* Needs a mount of its own, and so root; said on standard output where it is not tried. */
START_TEST(a_full_disk_leaves_the_old_file)
{
	static char large[256 * 1024];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("a_full_disk_leaves_the_old_file: not tried, it needs root\n");
		return;
	}
	ck_assert_int_eq(mkdir("disk", 0700), 0);
	ck_assert_int_eq(mount("tmpfs", "disk", "tmpfs", 0, "size=64k"), 0);
	ck_assert_int_eq(output_write_file("disk/file", "old", 3), 0);
	ck_assert_int_eq(output_write_file("disk/file", large, sizeof(large)), -ENOSPC);
	assert_content("disk/file", "old");
	ck_assert_uint_eq(count_files("disk"), 1);
	ck_assert_int_eq(umount("disk"), 0);
}
END_TEST

START_TEST(a_full_standard_output_is_an_error)
{
	int saved = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY), r;

	dup2(full, STDOUT_FILENO);
	r = output_write_file("-", "x", 1);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(full);
	ck_assert_int_eq(r, -ENOSPC);
}
END_TEST

START_TEST(signals_wait_while_a_temporary_file_is_there)
{
	struct output output;
	sigset_t mask;

	ck_assert_int_eq(output_open(&output, "file"), 0);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	ck_assert(sigismember(&mask, SIGINT));
	output_done(&output);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	ck_assert(!sigismember(&mask, SIGINT));
}
END_TEST

START_TEST(under_sudo_a_file_belongs_to_the_caller)
{
	struct stat status;

	if (geteuid() != 0)
		return;
	setenv("SUDO_UID", "12345", 1);
	setenv("SUDO_GID", "23456", 1);
	ck_assert_int_eq(output_write_file("file", "x", 1), 0);
	ck_assert_int_eq(stat("file", &status), 0);
	ck_assert_uint_eq(status.st_uid, 12345);
	ck_assert_uint_eq(status.st_gid, 23456);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli/output");
	TCase *tcase = tcase_create("output");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, enter_directory, leave_directory);
	tcase_add_test(tcase, a_new_file_holds_what_was_written);
	tcase_add_test(tcase, a_regular_file_is_replaced);
	tcase_add_test(tcase, without_commit_the_old_file_stays);
	tcase_add_test(tcase, only_regular_files_are_replaced);
	tcase_add_test(tcase, a_path_that_leads_nowhere_is_refused);
	tcase_add_test(tcase, a_long_name_is_no_problem);
	tcase_add_test(tcase, a_closed_directory_is_refused);
	tcase_add_test(tcase, a_full_disk_leaves_the_old_file);
	tcase_add_test(tcase, a_full_standard_output_is_an_error);
	tcase_add_test(tcase, signals_wait_while_a_temporary_file_is_there);
	tcase_add_test(tcase, under_sudo_a_file_belongs_to_the_caller);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
