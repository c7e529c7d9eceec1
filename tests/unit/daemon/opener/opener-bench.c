/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Everything is asserted: a bench that does not stand is a failed test. */

#include "tests/unit/daemon/opener/opener-bench.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define PATIENCE_NS (20 * NS_PER_SECOND)
#define MAPPING_BYTES 4096

void bench_open(struct opener_bench *bench)
{
	strcpy(bench->directory, "/tmp/perfctl-opener-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(bench->directory));
	ck_assert_int_eq(chmod(bench->directory, 0755), 0);
	ck_assert_int_eq(loop_new(&bench->loop), 0);
	ck_assert_int_eq(opener_new(bench->loop, &bench->opener), 0);
}

void bench_close(struct opener_bench *bench)
{
	char command[96];

	opener_free(bench->opener);
	loop_free(bench->loop);
	snprintf(command, sizeof(command), "rm -r %s", bench->directory);
	ck_assert_int_eq(system(command), 0);
}

const char *bench_path(const struct opener_bench *bench, const char *name)
{
	static char paths[8][256];
	static unsigned turn;
	char *path = paths[turn++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", bench->directory, name);
	return path;
}

void bench_file(const struct opener_bench *bench, const char *name, const char *text)
{
	CLEANUP(fclosep) FILE *file = fopen(bench_path(bench, name), "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
}

/* Field 22 of /proc/PID/stat. */
static uint64_t start_time_ns(pid_t pid)
{
	CLEANUP(freep) char *text = NULL;
	char path[32];
	const char *field;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	ck_assert_int_eq(text_read_file(AT_FDCWD, path, 4096, &text, NULL), 0);
	field = strrchr(text, ')');
	for (int i = 2; field && i < 22; i++)
		field = strchr(field + 1, ' ');
	ck_assert_ptr_nonnull(field);
	return strtoull(field, NULL, 10) * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}

static _Noreturn void target_run(int pipe_fd, const char *path, const char *root)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *memory = mmap(NULL, MAPPING_BYTES, PROT_READ, MAP_PRIVATE, fd, 0);
	uint64_t start = (uint64_t)(uintptr_t)memory;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (memory == MAP_FAILED)
		_exit(1);
	if (root && geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		_exit(1);
	if (root && (chroot(root) < 0 || chdir("/") < 0))
		_exit(1);
	if (write(pipe_fd, &start, sizeof(start)) != sizeof(start))
		_exit(1);
	for (;;)
		pause();
}

/* The two in turn at one address, as fast as can be. */
static _Noreturn void restless_run(int pipe_fd, const char *const *paths)
{
	int fds[] = {open(paths[0], O_RDONLY | O_CLOEXEC), open(paths[1], O_RDONLY | O_CLOEXEC)};
	void *memory = mmap(NULL, MAPPING_BYTES, PROT_READ, MAP_PRIVATE, fds[0], 0);
	uint64_t start = (uint64_t)(uintptr_t)memory;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (memory == MAP_FAILED || write(pipe_fd, &start, sizeof(start)) != sizeof(start))
		_exit(1);
	for (unsigned i = 1;; i++)
		if (mmap(memory, MAPPING_BYTES, PROT_READ, MAP_PRIVATE | MAP_FIXED, fds[i % 2],
			    0) == MAP_FAILED)
			_exit(1);
}

/* `other`: NULL, or what takes the file's place in turn. */
static void target_fork(
	struct target *target, const char *file, const char *root, const char *other)
{
	const char *const both[] = {file, other};
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	target->pid = fork();
	ck_assert_int_ge(target->pid, 0);
	if (!target->pid && other)
		restless_run(ends[1], both);
	if (!target->pid)
		target_run(ends[1], file, root);
	close(ends[1]);
	ck_assert_int_eq(
		read(ends[0], &target->start, sizeof(target->start)), sizeof(target->start));
	close(ends[0]);
	target->end = target->start + MAPPING_BYTES;
	target->process_start_ns = start_time_ns(target->pid);
}

void target_start(struct target *target, const char *file, const char *root)
{
	target_fork(target, file, root, NULL);
}

void target_start_restless(struct target *target, const char *file, const char *other)
{
	target_fork(target, file, NULL, other);
}

void target_end(struct target *target)
{
	ck_assert_int_eq(kill(target->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(target->pid, NULL, 0), target->pid);
}

void on_answer(void *userdata, struct opener_reply *reply)
{
	static unsigned place;
	struct answer *answer = userdata;

	answer->n++;
	answer->place = ++place;
	answer->error = reply->error;
	answer->is_by_path = reply->is_by_path;
	answer->reply_stat = reply->stat;
	snprintf(answer->path, sizeof(answer->path), "%s", reply->path);
	answer->has_fd = reply->fd >= 0;
	if (!answer->has_fd)
		return;
	ck_assert_int_eq(fstat(reply->fd, &answer->fd_stat), 0);
	answer->is_read_only = (fcntl(reply->fd, F_GETFL) & O_ACCMODE) == O_RDONLY &&
		!(fcntl(reply->fd, F_GETFL) & O_PATH);
	answer->is_close_on_exec = fcntl(reply->fd, F_GETFD) & FD_CLOEXEC;
	ck_assert_int_ge(pread(reply->fd, answer->text, sizeof(answer->text) - 1, 0), 0);
}

void bench_submit(
	struct opener_bench *bench, const struct opener_request *request, struct answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	ck_assert_int_eq(opener_submit(bench->opener, request, on_answer, answer), 0);
	ck_assert_uint_eq(answer->n, 0);
}

void bench_wait(struct opener_bench *bench, const struct answer *answer)
{
	uint64_t end_ns = time_now_ns(CLOCK_MONOTONIC) + PATIENCE_NS;

	while (!answer->n && time_now_ns(CLOCK_MONOTONIC) < end_ns)
		ck_assert_int_eq(loop_step(bench->loop, 100 * NS_PER_MS), 0);
	ck_assert_uint_eq(answer->n, 1);
}

void bench_ask(
	struct opener_bench *bench, const struct opener_request *request, struct answer *answer)
{
	bench_submit(bench, request, answer);
	bench_wait(bench, answer);
}

void bench_run_for(struct opener_bench *bench, uint64_t time_ns)
{
	uint64_t end_ns = time_now_ns(CLOCK_MONOTONIC) + time_ns;

	while (time_now_ns(CLOCK_MONOTONIC) < end_ns)
		ck_assert_int_eq(loop_step(bench->loop, 10 * NS_PER_MS), 0);
}

pid_t opener_pid(size_t *ret_n)
{
	CLEANUP(freep) char *children = NULL;
	pid_t found = 0;
	char path[64];

	*ret_n = 0;
	ck_assert_int_eq(
		text_read_file(AT_FDCWD, "/proc/thread-self/children", 1 << 16, &children, NULL),
		0);
	for (char *rest = NULL, *pid = strtok_r(children, " ", &rest); pid;
		pid = strtok_r(NULL, " ", &rest)) {
		CLEANUP(freep) char *comm = NULL;

		snprintf(path, sizeof(path), "/proc/%s/comm", pid);
		if (text_read_file(AT_FDCWD, path, 64, &comm, NULL) < 0 ||
			strcmp(comm, "perfd-opener\n") != 0)
			continue;
		found = atoi(pid);
		(*ret_n)++;
	}
	return found;
}

size_t descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t n = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}
