/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One step through a growing file. A run-time may write it anew, shorter or not: the bytes before the
 * position are summed up in a check, and where they have changed reading begins again. Invariant:
 * strings begin with a NUL and end with one, each line belongs to the code that was added after it.
 */

#include "daemon/worker/job-jit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"

/* A reply stays well below WORKER_REPLY_BYTES_MAX. */
#define CODES_MAX 16384
#define LINES_MAX 65536
#define STRING_BYTES_MAX (4u << 20)
#define CHECKED_BYTES 64
/* User addresses end here (with five levels of page tables). */
#define ADDRESS_END (UINT64_C(1) << 56)

void jit_output_done(struct jit_output *output)
{
	buffer_done(&output->codes);
	buffer_done(&output->lines);
	buffer_done(&output->strings);
}

bool jit_output_is_full(const struct jit_output *output)
{
	return output->n_codes >= CODES_MAX || output->n_lines >= LINES_MAX ||
		output->strings.size >= STRING_BYTES_MAX ||
		time_now_ns(CLOCK_MONOTONIC) > output->deadline_ns;
}

uint32_t jit_output_string(struct jit_output *output, const char *text, size_t n)
{
	size_t at = output->strings.size;

	n = strnlen(text, n < WORKER_STRING_BYTES_MAX ? n : WORKER_STRING_BYTES_MAX - 1);
	if (!n)
		return 0;
	buffer_append(&output->strings, text, n);
	buffer_append_char(&output->strings, '\0');
	return (uint32_t)at;
}

void jit_output_code(struct jit_output *output, const struct worker_jit_code *code)
{
	struct worker_jit_code added = *code;

	if (!code->size || code->size >= ADDRESS_END || code->address >= ADDRESS_END ||
		(!code->name && !code->moved_from)) {
		/* Its lines go to nobody. */
		if (!buffer_error(&output->lines)) {
			output->lines.size -= code->n_lines * sizeof(struct worker_jit_line);
			output->n_lines -= code->n_lines;
		}
		return;
	}
	added.first_line = output->n_lines - code->n_lines;
	buffer_append(&output->codes, &added, sizeof(added));
	output->n_codes++;
}

void jit_output_line(struct jit_output *output, const struct worker_jit_line *line)
{
	buffer_append(&output->lines, line, sizeof(*line));
	output->n_lines++;
}

/* FNV-1a of the bytes before the position; 0 where they cannot be read. */
static uint64_t sum_before(int fd, uint64_t position)
{
	size_t n = position < CHECKED_BYTES ? position : CHECKED_BYTES;
	uint64_t sum = 0xcbf29ce484222325;
	unsigned char bytes[CHECKED_BYTES];

	if (!n || pread(fd, bytes, n, (off_t)(position - n)) != (ssize_t)n)
		return 0;
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3;
	return sum;
}

static int reply_fill(const struct jit_output *output, const struct worker_jit_head *head,
	struct worker_reply *reply, struct buffer *body)
{
	buffer_append(body, head, sizeof(*head));
	buffer_append(body, output->codes.data, output->codes.size);
	buffer_append(body, output->lines.data, output->lines.size);
	buffer_append(body, output->strings.data, output->strings.size);
	if (buffer_error(&output->codes) < 0 || buffer_error(&output->lines) < 0 ||
		buffer_error(&output->strings) < 0 || buffer_error(body) < 0)
		return -ENOMEM;
	reply->n_symbols = output->n_codes;
	reply->n_lines = output->n_lines;
	reply->strings_size = (uint32_t)output->strings.size;
	reply->body_size = (uint32_t)body->size;
	return 0;
}

int job_jit(int taken_fd, const struct job_jit_request *request, struct worker_reply *reply,
	struct buffer *body)
{
	CLEANUP(closep) int fd = taken_fd;
	CLEANUP(jit_output_done) struct jit_output output = {.deadline_ns = request->deadline_ns};
	struct worker_jit_head head = {.position = request->position};
	struct stat now;
	int r;

	if (fstat(fd, &now) < 0)
		return WORKER_STATUS_FAILED;
	if (head.position > (uint64_t)now.st_size ||
		sum_before(fd, head.position) != (head.position ? request->check : 0)) {
		head.position = 0;
		head.flags |= WORKER_JIT_RESTARTED;
	}
	buffer_append_char(&output.strings, '\0');
	r = request->is_dump ? jitdump_read(fd, &head.position, &output)
			     : jit_map_read(fd, &head.position, &output);
	if (r)
		return r;
	if (jit_output_is_full(&output))
		head.flags |= WORKER_JIT_MORE;
	head.check = sum_before(fd, head.position);
	return reply_fill(&output, &head, reply, body);
}
