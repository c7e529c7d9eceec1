/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The jobs of perfd-elf-worker, without its socket and its sandbox. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/worker/messages.h"
#include "proto/base/buffer.h"

/* Looks into a file; with_crc reads all of it. Takes the fd. A named outcome is an enum
 * worker_status. 0 or -ENOMEM. */
int job_probe(int fd, bool with_crc, struct worker_probe *ret_probe);

/* Compiles the unwind table of a file and, unless debug_fd is -1, its separate debug file, appending
 * rows to `body`. Takes both fds. A named outcome is an enum worker_status. 0 or -ENOMEM. */
int job_table(int fd, int debug_fd, struct worker_reply *reply, struct buffer *body);

/* One object with its tables, kept between jobs. */
struct job_object;

/* fds by enum worker_file, -1 where there is none; takes them all. A named outcome is an enum
 * worker_status. 0 or -ENOMEM. */
int job_object_open(int fds[N_WORKER_FILES], struct job_object **ret_object);
struct job_object *job_object_close(struct job_object *object);
/* Sum of the sizes of its files. */
uint64_t job_object_file_bytes(const struct job_object *object);

struct job_symbols_request {
	const uint64_t *offsets;
	size_t n;
	bool with_lines;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; at least one offset is answered in any case */
};

/* The .dwo file that a reply with WANTS_SPLIT asked for, fd -1: there is none. Takes the fd. 0 or
 * -ENOMEM. */
int job_object_grant(struct job_object *object, uint64_t id, int fd);

/* Answers the first offsets of the request, as many as time and room allow: fills the counts of the
 * reply and appends its body. 0, WORKER_STATUS_WANTS_SPLIT (the body is a struct worker_want), or
 * -ENOMEM. */
int job_symbols(struct job_object *object, const struct job_symbols_request *request,
	struct worker_reply *reply, struct buffer *body);
