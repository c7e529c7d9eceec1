/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The jobs that read what a run-time tells of its code; and what their two parsers share. */

#include <stdbool.h>

#include "daemon/worker/jit-messages.h"
#include "proto/base/buffer.h"

struct job_jit_request {
	bool is_dump; /* jit-PID.dump, else perf-PID.map */
	uint64_t position, check;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; something is read in any case */
};

/* Reads what stands behind the position. Takes the fd. A named outcome is an enum worker_status. 0 or
 * -ENOMEM. */
int job_jit(int fd, const struct job_jit_request *request, struct worker_reply *reply,
	struct buffer *body);

/* What is found on the way. */
struct jit_output {
	struct buffer codes, lines, strings;
	uint32_t n_codes, n_lines;
	uint64_t deadline_ns;
};

void jit_output_done(struct jit_output *output);
/* Is a reply's worth of it there, or the time up? */
bool jit_output_is_full(const struct jit_output *output);
/* n bytes as a string, cut to what is allowed; its offset. */
uint32_t jit_output_string(struct jit_output *output, const char *text, size_t n);
/* Code whose lines are the last n_lines; passed over where it makes no sense. */
void jit_output_code(struct jit_output *output, const struct worker_jit_code *code);
void jit_output_line(struct jit_output *output, const struct worker_jit_line *line);

/*
 * Each reads from *position on until the output is full or the file ends, and leaves *position where
 * to go on. 0, or an enum worker_status.
 *
 * perf-PID.map: lines "START SIZE NAME", the numbers hexadecimal (Linux,
 * tools/perf/Documentation/jit-interface.txt). What is no such line is passed over; the last one
 * waits for its end.
 */
int jit_map_read(int fd, uint64_t *position, struct jit_output *output);
/* jit-PID.dump: version 1 of Linux, tools/perf/Documentation/jitdump-specification.txt, in the byte
 * order of this machine. A record that is not whole yet waits for its end. */
int jitdump_read(int fd, uint64_t *position, struct jit_output *output);
