/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The way of a file through worker and daemon. Reading must come to an end, and never go back. */

#include "tests/fuzz/fuzz-jit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/symbolize/jit-codes.h"
#include "daemon/worker/job-jit.h"
#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"

static void use(const struct jit_codes *codes, const struct worker_jit_code *from)
{
	const struct jit_code *code = jit_codes_find(codes, from->address, UINT64_MAX);
	const char *name;

	if (!code)
		return; /* moved from where nothing was, or beyond a bound */
	name = jit_codes_text(codes, code->name);
	if (code->address > from->address || code->end <= from->address ||
		!utf8_is_valid(name, strlen(name)))
		abort();
	jit_codes_line(codes, code, from->address);
	jit_codes_is_reused(codes, from->address);
}

/* One request. False: nothing more is to be had. */
static bool step(int fd, struct job_jit_request *request, struct jit_codes *codes)
{
	CLEANUP(buffer_done) struct buffer body = {};
	struct worker_reply reply = {};
	struct jit_reply parsed;

	if (job_jit(dup(fd), request, &reply, &body))
		return false;
	if (jit_reply_parse(&reply, body.data, &parsed))
		abort();
	if (parsed.head.position < request->position && !(parsed.head.flags & WORKER_JIT_RESTARTED))
		abort();
	if (jit_codes_add(codes, &parsed, request->position) < 0)
		abort();
	for (size_t i = 0; i < parsed.n_codes && i < 64; i++)
		use(codes, &parsed.codes[i]);
	request->position = parsed.head.position;
	request->check = parsed.head.check;
	return parsed.head.flags & WORKER_JIT_MORE;
}

static void write_all(int fd, const uint8_t *bytes, size_t n)
{
	if (write(fd, bytes, n) != (ssize_t)n)
		abort();
}

void fuzz_jit(const uint8_t *bytes, size_t n, bool is_dump)
{
	CLEANUP(closep) int fd = memfd_create("fuzz", MFD_CLOEXEC);
	CLEANUP(jit_codes_done) struct jit_codes codes = {};
	struct job_jit_request request = {.is_dump = is_dump, .deadline_ns = UINT64_MAX};

	if (fd < 0)
		abort();
	write_all(fd, bytes, n / 2);
	while (step(fd, &request, &codes))
		;
	write_all(fd, bytes + n / 2, n - n / 2);
	while (step(fd, &request, &codes))
		;
}
