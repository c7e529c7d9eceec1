/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as an ELF file, through the jobs of the worker: probe, names, lines. What comes out must
 * satisfy the daemon's own checks. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/symbolize/worker-reply.h"
#include "daemon/worker/jobs.h"
#include "proto/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int memory_file(const uint8_t *bytes, size_t n)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	return fd;
}

/* A unit may want its split part: the file itself is that, too. */
static void grant(struct job_object *object, int fd)
{
	CLEANUP(buffer_done) struct buffer body = {};
	struct worker_reply reply = {};
	const uint64_t offsets[] = {0x1000, 0x1140, 0x1200};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct job_symbols_request request = {.offsets = &offsets[i],
			.n = 1,
			.with_lines = true,
			.deadline_ns = UINT64_MAX};
		struct worker_want want;

		buffer_clear(&body);
		if (job_symbols(object, &request, &reply, &body) != WORKER_STATUS_WANTS_SPLIT)
			continue;
		if (worker_reply_want(&(struct worker_reply){.status = WORKER_STATUS_WANTS_SPLIT,
					      .body_size = (uint32_t)body.size},
			    body.data, &want))
			abort();
		job_object_grant(object, want.id, dup(fd));
	}
}

static void ask(struct job_object *object, bool with_lines)
{
	CLEANUP(buffer_done) struct buffer body = {};
	struct worker_reply reply = {};
	struct symbol_block *block = NULL;
	uint64_t offsets[64];
	struct job_symbols_request request = {.offsets = offsets,
		.n = ARRAY_SIZE(offsets),
		.with_lines = with_lines,
		.deadline_ns = UINT64_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		offsets[i] = i < 48 ? 0x1000 + i * 24 : i * 0x1fff;
	if (job_symbols(object, &request, &reply, &body))
		return;
	if (worker_reply_symbols(&reply, body.data, request.n, &block))
		abort();
	free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	int fds[N_WORKER_FILES] = {memory_file(bytes, n), -1, -1, -1, -1};
	CLEANUP(closep) int split_fd = dup(fds[0]);
	struct job_object *object;
	struct worker_probe probe;

	job_probe(dup(fds[0]), true, &probe);
	if (n % 2)
		fds[WORKER_FILE_DEBUG] = dup(fds[0]);
	if (n % 3 == 1)
		fds[WORKER_FILE_PACKAGE] = dup(fds[0]);
	if (n % 5 == 1)
		fds[WORKER_FILE_ALTERNATE] = dup(fds[0]);
	if (job_object_open(fds, &object))
		return 0;
	ask(object, false);
	grant(object, split_fd);
	ask(object, true);
	job_object_close(object);
	return 0;
}
