/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Everything is asserted: a bench that does not stand is a failed test. */

#include "tests/lib/naming-bench.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define PATIENCE_NS (20 * NS_PER_SECOND)

void bench_open(struct naming_bench *bench, const char *worker_path, uint64_t job_timeout_ns)
{
	const char *const directories[] = {bench->debug_directory, NULL};
	const struct symbolizer_config config = {
		.worker_path = worker_path ? worker_path : getenv("PERFD_ELF_WORKER"),
		.debug_directories = directories,
		.n_workers = 2,
		.job_timeout_ns = job_timeout_ns,
		.gather_ns = bench->gather_ns,
	};

	ck_assert_ptr_nonnull(config.worker_path);
	if (!bench->directory[0]) {
		strcpy(bench->directory, "/tmp/perfctl-naming-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(bench->directory));
	}
	snprintf(bench->debug_directory, sizeof(bench->debug_directory), "%s/debug",
		bench->directory);
	ck_assert_int_eq(loop_new(&bench->loop), 0);
	ck_assert_int_eq(opener_new(bench->loop, &bench->opener), 0);
	ck_assert_int_eq(
		symbolizer_new(bench->loop, bench->opener, &config, &bench->symbolizer), 0);
}

void bench_close(struct naming_bench *bench)
{
	symbolizer_free(bench->symbolizer);
	opener_free(bench->opener);
	loop_free(bench->loop);
	bench_run(bench, "rm -r %s", bench->directory);
}

void bench_run(const struct naming_bench *bench, const char *format, ...)
{
	char command[1024], line[1200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	snprintf(line, sizeof(line), "cd %s && %s", bench->directory, command);
	ck_assert_msg(system(line) == 0, "%s", line);
}

static struct object *object_of(int fd, const char *path)
{
	struct object *object = object_new(OBJECT_FILE, path);

	ck_assert_ptr_nonnull(object);
	ck_assert_int_ge(fd, 0);
	object->fd = fd;
	object->state = OBJECT_OPEN;
	object->pid = (uint32_t)getpid();
	ck_assert_int_eq(fstat(fd, &object->stat), 0);
	return object;
}

struct object *bench_object(const struct naming_bench *bench, const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", bench->directory, path);
	if (*path == '/')
		snprintf(full, sizeof(full), "%s", path);
	return object_of(open(full, O_RDONLY | O_CLOEXEC), full);
}

struct object *bench_object_of_bytes(const void *bytes, size_t n)
{
	int fd = memfd_create("object", MFD_CLOEXEC);

	ck_assert_int_eq(write(fd, bytes, n), n);
	return object_of(fd, "/memory");
}

static int on_answered(void *userdata)
{
	struct naming_bench *bench = userdata;

	bench->is_answered = true;
	return 0;
}

bool bench_wait(struct naming_bench *bench)
{
	uint64_t end_ns = time_now_ns(CLOCK_MONOTONIC) + PATIENCE_NS;

	bench->is_answered = false;
	ck_assert_int_eq(symbolizer_wait(bench->symbolizer, UINT64_MAX / 2, on_answered, bench), 0);
	while (!bench->is_answered && time_now_ns(CLOCK_MONOTONIC) < end_ns)
		ck_assert_int_eq(loop_step(bench->loop, 100 * NS_PER_MS), 0);
	symbolizer_cancel_wait(bench->symbolizer, bench);
	return bench->is_answered;
}

const struct symbol *bench_name(struct naming_bench *bench, struct object *object, uint64_t offset)
{
	ck_assert_int_eq(symbolizer_want(bench->symbolizer, object, offset), 0);
	ck_assert(bench_wait(bench));
	return symbolizer_find(bench->symbolizer, object, offset);
}

uint64_t bench_address(const struct naming_bench *bench, const char *file, const char *symbol)
{
	char command[512];
	uint64_t address = 0;
	FILE *pipe;

	snprintf(command, sizeof(command), "nm %s/%s | awk '$3 == \"%s\" { print \"0x\" $1 }'",
		bench->directory, file, symbol);
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	ck_assert_int_eq(fscanf(pipe, "%" SCNx64, &address), 1);
	pclose(pipe);
	return address;
}

size_t bench_children(const char *name, int *pids, size_t n)
{
	CLEANUP(freep) char *children = NULL;
	char path[64];
	size_t n_found = 0;

	ck_assert_int_eq(
		text_read_file(AT_FDCWD, "/proc/thread-self/children", 1 << 16, &children, NULL),
		0);
	for (char *rest = NULL, *pid = strtok_r(children, " ", &rest); pid;
		pid = strtok_r(NULL, " ", &rest)) {
		CLEANUP(freep) char *comm = NULL;

		snprintf(path, sizeof(path), "/proc/%s/comm", pid);
		if (text_read_file(AT_FDCWD, path, 64, &comm, NULL) < 0 ||
			!text_starts_with(comm, name))
			continue;
		if (n_found < n)
			pids[n_found] = atoi(pid);
		n_found++;
	}
	return n_found;
}

size_t bench_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t n = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}
