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
	if (job_symbols(object, &request, &reply, &body) < 0)
		return;
	if (worker_reply_symbols(&reply, body.data, request.n, &block))
		abort();
	free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	int fds[N_WORKER_FILES] = {memory_file(bytes, n), -1, -1, -1, -1};
	struct job_object *object;
	struct worker_probe probe;

	job_probe(dup(fds[0]), true, &probe);
	if (n % 2)
		fds[WORKER_FILE_DEBUG] = dup(fds[0]);
	if (job_object_open(fds, &object))
		return 0;
	ask(object, false);
	ask(object, true);
	job_object_close(object);
	return 0;
}
