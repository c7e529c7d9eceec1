/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The opener with its real child: what it opens, what it refuses, and that nothing is left behind.
 * Where map_files may not be opened, mappings are followed by path; both ways are known here.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"
#include "tests/unit/daemon/opener/opener-bench.h"

static struct opener_bench bench;

static struct opener_request mapping_of(const struct target *target)
{
	return (struct opener_request){
		.how = OPENER_MAPPING,
		.pid = (uint32_t)target->pid,
		.process_start_ns = target->process_start_ns,
		.start = target->start,
		.end = target->end,
	};
}

/* Of a target's mapping: may we go through map_files at all? */
static bool has_map_files(const struct target *target)
{
	CLEANUP(closep) int fd = -1;
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, target->pid,
		target->start, target->end);
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd >= 0;
}

static void is_file(const struct answer *answer, const char *path)
{
	struct stat s;

	ck_assert_int_eq(stat(path, &s), 0);
	ck_assert_int_eq(answer->error, 0);
	ck_assert(answer->has_fd);
	ck_assert(answer->is_read_only);
	ck_assert(answer->is_close_on_exec);
	ck_assert_uint_eq(answer->fd_stat.st_ino, s.st_ino);
	ck_assert_uint_eq(answer->reply_stat.st_ino, s.st_ino);
	ck_assert_uint_eq(answer->reply_stat.st_dev, s.st_dev);
}

static void ask_path(enum opener_how how, pid_t pid, const char *path, struct answer *answer)
{
	bench_ask(&bench, &(struct opener_request){.how = how, .pid = (uint32_t)pid, .path = path},
		answer);
}

/* In the process's root, which is held while the question is asked. */
static void ask_in_root(pid_t pid, const char *path, struct answer *answer)
{
	CLEANUP(closep) int root_fd = -1;
	char root[32];

	snprintf(root, sizeof(root), "/proc/%d/root", pid);
	root_fd = open(root, O_PATH | O_CLOEXEC);
	ck_assert_int_ge(root_fd, 0);
	bench_ask(&bench,
		&(struct opener_request){.how = OPENER_IN_ROOT, .path = path, .root_fd = root_fd},
		answer);
}

START_TEST(mapped_file_is_opened_as_the_inode_that_is_mapped)
{
	struct target target;
	struct answer answer;
	struct opener_request request;
	const char *path;

	bench_open(&bench);
	bench_file(&bench, "lib.so", "mapped");
	path = bench_path(&bench, "lib.so");
	target_start(&target, path, NULL);
	request = mapping_of(&target);
	bench_ask(&bench, &request, &answer);
	is_file(&answer, path);
	ck_assert_str_eq(answer.path, path);
	ck_assert_str_eq(answer.text, "mapped");
	ck_assert_int_eq(answer.is_by_path, !has_map_files(&target));
	target_end(&target);
	bench_close(&bench);
}
END_TEST

START_TEST(deleted_file_is_opened_by_its_mapping_and_never_mistaken_for_its_successor)
{
	struct target target;
	struct answer answer;
	struct opener_request request;
	const char *path;
	char deleted[300];

	bench_open(&bench);
	bench_file(&bench, "lib.so", "old");
	path = bench_path(&bench, "lib.so");
	target_start(&target, path, NULL);
	ck_assert_int_eq(unlink(path), 0);
	bench_file(&bench, "lib.so", "new");
	request = mapping_of(&target);
	bench_ask(&bench, &request, &answer);
	if (has_map_files(&target)) {
		snprintf(deleted, sizeof(deleted), "%s (deleted)", path);
		ck_assert_int_eq(answer.error, 0);
		ck_assert_str_eq(answer.text, "old");
		ck_assert_str_eq(answer.path, deleted);
		ck_assert_uint_eq(answer.reply_stat.st_nlink, 0);
	} else {
		ck_assert_int_eq(answer.error, -ENOENT);
	}
	target_end(&target);
	bench_close(&bench);
}
END_TEST

/* Whatever is there when it is opened: the path is the file's that was opened. */
START_TEST(path_is_of_the_file_that_was_opened)
{
	static const unsigned tries = 2000;
	struct target target;
	struct answer answer;
	struct opener_request request;
	unsigned n_opened = 0;

	bench_open(&bench);
	bench_file(&bench, "one.so", "one.so");
	bench_file(&bench, "two.so", "two.so");
	target_start_restless(&target, bench_path(&bench, "one.so"), bench_path(&bench, "two.so"));
	request = mapping_of(&target);
	for (unsigned i = 0; i < tries; i++) {
		bench_ask(&bench, &request, &answer);
		if (answer.error == -ENOENT)
			continue; /* it lay between the two */
		ck_assert_int_eq(answer.error, 0);
		ck_assert_str_eq(text_base_name(answer.path), answer.text);
		n_opened++;
	}
	ck_assert_uint_gt(n_opened, 0);
	target_end(&target);
	bench_close(&bench);
}
END_TEST

START_TEST(gap_between_mappings_has_no_file)
{
	struct target target;
	struct answer answer;
	struct opener_request request;

	bench_open(&bench);
	bench_file(&bench, "lib.so", "mapped");
	target_start(&target, bench_path(&bench, "lib.so"), NULL);
	request = mapping_of(&target);
	request.start = 0x1000;
	request.end = 0x2000;
	bench_ask(&bench, &request, &answer);
	ck_assert_int_eq(answer.error, -ENOENT);
	target_end(&target);
	bench_close(&bench);
}
END_TEST

START_TEST(successor_in_the_pid_is_another_process)
{
	struct target target;
	struct answer answer;
	struct opener_request request;

	bench_open(&bench);
	bench_file(&bench, "lib.so", "mapped");
	target_start(&target, bench_path(&bench, "lib.so"), NULL);
	request = mapping_of(&target);
	request.process_start_ns += NS_PER_SECOND;
	bench_ask(&bench, &request, &answer);
	ck_assert_int_eq(answer.error, -ESRCH);
	ck_assert(!answer.has_fd);
	request.how = OPENER_MAPS;
	bench_ask(&bench, &request, &answer);
	ck_assert_int_eq(answer.error, -ESRCH);
	request.process_start_ns = target.process_start_ns;
	bench_ask(&bench, &request, &answer);
	ck_assert_int_eq(answer.error, 0);
	ck_assert(answer.has_fd);
	target_end(&target);
	bench_close(&bench);
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused_at_once)
{
	static const char *const names[] = {"fifo", "directory", "null", "to-fifo"};
	uint64_t start_ns;
	struct answer answer;

	bench_open(&bench);
	ck_assert_int_eq(mkfifo(bench_path(&bench, "fifo"), 0600), 0);
	ck_assert_int_eq(mkdir(bench_path(&bench, "directory"), 0700), 0);
	ck_assert_int_eq(symlink("/dev/null", bench_path(&bench, "null")), 0);
	ck_assert_int_eq(symlink("fifo", bench_path(&bench, "to-fifo")), 0);
	start_ns = time_now_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ask_path(OPENER_HOST_PATH, 0, bench_path(&bench, names[i]), &answer);
		ck_assert_int_eq(answer.error, -EINVAL);
		ck_assert(!answer.has_fd);
		ask_in_root(getpid(), bench_path(&bench, names[i]), &answer);
		ck_assert_int_eq(answer.error, -EINVAL);
	}
	ck_assert_uint_lt(time_now_ns(CLOCK_MONOTONIC) - start_ns, OPENER_DEADLINE_MS * NS_PER_MS);
	bench_close(&bench);
}
END_TEST

START_TEST(missing_file_is_enoent)
{
	struct answer answer;

	bench_open(&bench);
	ask_path(OPENER_HOST_PATH, 0, bench_path(&bench, "none"), &answer);
	ck_assert_int_eq(answer.error, -ENOENT);
	ask_in_root(getpid(), bench_path(&bench, "none"), &answer);
	ck_assert_int_eq(answer.error, -ENOENT);
	ask_path(OPENER_ROOT, 1 << 30, NULL, &answer);
	ck_assert_int_eq(answer.error, -ENOENT);
	bench_close(&bench);
}
END_TEST

START_TEST(file_that_is_too_large_is_refused)
{
	struct answer answer;

	bench_open(&bench);
	bench_file(&bench, "large", "");
	ck_assert_int_eq(
		truncate(bench_path(&bench, "large"), (off_t)OPENER_FILE_BYTES_MAX + 1), 0);
	ask_path(OPENER_HOST_PATH, 0, bench_path(&bench, "large"), &answer);
	ck_assert_int_eq(answer.error, -EFBIG);
	bench_close(&bench);
}
END_TEST

START_TEST(path_of_a_target_never_leaves_its_root)
{
	static const char *const paths[] = {"/file", "/../file", "/../../../../file", "/absolute",
		"/upwards", "/sub/../../file", "/sub/out/file"};
	struct target target;
	struct answer answer;

	bench_open(&bench);
	bench_file(&bench, "file", "outside");
	bench_file(&bench, "only-outside", "outside");
	ck_assert_int_eq(mkdir(bench_path(&bench, "root"), 0755), 0);
	ck_assert_int_eq(mkdir(bench_path(&bench, "root/sub"), 0755), 0);
	bench_file(&bench, "root/file", "inside");
	ck_assert_int_eq(symlink("/file", bench_path(&bench, "root/absolute")), 0);
	ck_assert_int_eq(symlink("../../file", bench_path(&bench, "root/upwards")), 0);
	ck_assert_int_eq(symlink("../../..", bench_path(&bench, "root/sub/out")), 0);
	ck_assert_int_eq(
		symlink(bench_path(&bench, "only-outside"), bench_path(&bench, "root/host")), 0);
	target_start(&target, bench_path(&bench, "file"), bench_path(&bench, "root"));
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		ask_in_root(target.pid, paths[i], &answer);
		is_file(&answer, bench_path(&bench, "root/file"));
		ck_assert_str_eq(answer.text, "inside");
	}
	ask_in_root(target.pid, "/../only-outside", &answer);
	ck_assert_int_eq(answer.error, -ENOENT);
	ask_in_root(target.pid, "/host", &answer);
	ck_assert_int_eq(answer.error, -ENOENT);
	target_end(&target);
	bench_close(&bench);
}
END_TEST

START_TEST(path_is_as_the_target_calls_it)
{
	struct opener_request request;
	struct target target;
	struct answer answer;

	bench_open(&bench);
	ck_assert_int_eq(mkdir(bench_path(&bench, "root"), 0755), 0);
	bench_file(&bench, "root/lib.so", "mapped");
	bench_file(&bench, "rooted.so", "beside");
	target_start(&target, bench_path(&bench, "root/lib.so"), bench_path(&bench, "root"));
	request = mapping_of(&target);
	bench_ask(&bench, &request, &answer);
	ck_assert_int_eq(answer.error, 0);
	ck_assert_str_eq(answer.path, "/lib.so");
	target_end(&target);
	/* Only the name of its root begins alike. */
	target_start(&target, bench_path(&bench, "rooted.so"), bench_path(&bench, "root"));
	request = mapping_of(&target);
	bench_ask(&bench, &request, &answer);
	ck_assert_str_eq(answer.path, bench_path(&bench, "rooted.so"));
	target_end(&target);
	bench_close(&bench);
}
END_TEST

START_TEST(root_that_is_held_outlives_its_process)
{
	CLEANUP(closep) int root_fd = -1;
	struct opener_request request = {.how = OPENER_IN_ROOT, .path = "/file"};
	struct target target;
	struct answer answer;
	char root[32];

	bench_open(&bench);
	bench_file(&bench, "file", "outside");
	ck_assert_int_eq(mkdir(bench_path(&bench, "root"), 0755), 0);
	bench_file(&bench, "root/file", "inside");
	target_start(&target, bench_path(&bench, "file"), bench_path(&bench, "root"));
	snprintf(root, sizeof(root), "/proc/%d/root", target.pid);
	root_fd = open(root, O_PATH | O_CLOEXEC);
	target_end(&target);
	request.root_fd = root_fd;
	bench_ask(&bench, &request, &answer);
	ck_assert_int_eq(answer.error, 0);
	ck_assert_str_eq(answer.text, "inside");
	bench_close(&bench);
}
END_TEST

START_TEST(magic_links_of_a_target_are_not_followed)
{
	static const char *const paths[] = {"/proc/self/exe", "/proc/self/root/etc/passwd",
		"/proc/self/cwd/etc/passwd", "/proc/self/fd/0"};
	struct target target;
	struct answer answer;

	bench_open(&bench);
	bench_file(&bench, "file", "mapped");
	target_start(&target, bench_path(&bench, "file"), NULL);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		ask_in_root(target.pid, paths[i], &answer);
		ck_assert_msg(answer.error == -ELOOP, "%s: %d", paths[i], answer.error);
	}
	target_end(&target);
	bench_close(&bench);
}
END_TEST

START_TEST(answers_come_in_order_and_cancelled_ones_not)
{
	struct answer answers[20] = {};
	unsigned before = 0;

	bench_open(&bench);
	bench_file(&bench, "file", "text");
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		const struct opener_request request = {
			.how = OPENER_HOST_PATH,
			.path = bench_path(&bench, i % 3 ? "file" : "none"),
		};

		bench_submit(&bench, &request, &answers[i]);
	}
	opener_cancel(bench.opener, &answers[0]);
	opener_cancel(bench.opener, &answers[7]);
	bench_wait(&bench, &answers[ARRAY_SIZE(answers) - 1]);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		if (i == 0 || i == 7) {
			ck_assert_uint_eq(answers[i].n, 0);
			continue;
		}
		ck_assert_uint_eq(answers[i].n, 1);
		ck_assert_uint_gt(answers[i].place, before);
		before = answers[i].place;
		ck_assert_int_eq(answers[i].error, i % 3 ? 0 : -ENOENT);
	}
	bench_close(&bench);
}
END_TEST

START_TEST(queue_and_path_have_a_limit)
{
	static struct answer answers[OPENER_QUEUE_MAX];
	struct opener_request request = {.how = OPENER_HOST_PATH};
	char path[OPENER_PATH_MAX + 1];

	bench_open(&bench);
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	request.path = path;
	ck_assert_int_eq(opener_submit(bench.opener, &request, on_answer, NULL), -ENAMETOOLONG);
	request.path = "/";
	for (size_t i = 0; i < OPENER_QUEUE_MAX; i++)
		bench_submit(&bench, &request, &answers[i]);
	ck_assert_int_eq(opener_submit(bench.opener, &request, on_answer, NULL), -EBUSY);
	bench_wait(&bench, &answers[0]);
	bench_submit(&bench, &request, &answers[0]);
	bench_wait(&bench, &answers[0]);
	for (size_t i = 0; i < OPENER_QUEUE_MAX; i++)
		ck_assert_uint_eq(answers[i].n, 1);
	bench_close(&bench);
}
END_TEST

START_TEST(nothing_is_left_behind)
{
	size_t n_before = descriptors(), n_open, n_children;
	struct answer answer;

	bench_open(&bench);
	n_open = descriptors();
	bench_file(&bench, "file", "text");
	for (int i = 0; i < 50; i++) {
		ask_path(OPENER_HOST_PATH, 0, bench_path(&bench, i % 2 ? "file" : "none"), &answer);
		ck_assert_int_eq(answer.error, i % 2 ? 0 : -ENOENT);
	}
	ck_assert_uint_eq(descriptors(), n_open);
	ck_assert_int_gt(opener_pid(&n_children), 0);
	ck_assert_uint_eq(n_children, 1);
	bench_close(&bench);
	ck_assert_uint_eq(descriptors(), n_before);
	ck_assert_int_eq(opener_pid(&n_children), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		mapped_file_is_opened_as_the_inode_that_is_mapped,
		deleted_file_is_opened_by_its_mapping_and_never_mistaken_for_its_successor,
		path_is_of_the_file_that_was_opened,
		gap_between_mappings_has_no_file,
		successor_in_the_pid_is_another_process,
		what_is_no_regular_file_is_refused_at_once,
		missing_file_is_enoent,
		file_that_is_too_large_is_refused,
		path_of_a_target_never_leaves_its_root,
		path_is_as_the_target_calls_it,
		root_that_is_held_outlives_its_process,
		magic_links_of_a_target_are_not_followed,
		answers_come_in_order_and_cancelled_ones_not,
		queue_and_path_have_a_limit,
		nothing_is_left_behind,
	};

	return check_main("opener", tests, ARRAY_SIZE(tests));
}
