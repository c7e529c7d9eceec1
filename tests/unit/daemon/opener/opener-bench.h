/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A loop with an opener, a directory of files, target processes, and a record of what was answered. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "daemon/opener/opener.h"

struct opener_bench {
	struct loop *loop;
	struct opener *opener;
	char directory[64];
};

/* What one request was answered; zeroed before. */
struct answer {
	unsigned n; /* times */
	unsigned place; /* among all answers of this program, from 1 */
	int error, is_by_path;
	bool has_fd, is_read_only, is_close_on_exec;
	struct stat reply_stat, fd_stat;
	char path[OPENER_PATH_MAX];
	char text[32]; /* the file's first bytes */
};

/* A process that waits, with a file mapped. */
struct target {
	pid_t pid;
	uint64_t process_start_ns, start, end;
};

void bench_open(struct opener_bench *bench);
void bench_close(struct opener_bench *bench);

/* "NAME" in the directory; the text lies in a ring of a few buffers. */
const char *bench_path(const struct opener_bench *bench, const char *name);
/* A file with this text. */
void bench_file(const struct opener_bench *bench, const char *name, const char *text);

/* A process with the file mapped, its root at `root` (NULL: ours), which takes root's rights or a
 * user namespace. */
void target_start(struct target *target, const char *file, const char *root);
/* One that maps the two files in turn at one address, without rest. */
void target_start_restless(struct target *target, const char *file, const char *other);
void target_end(struct target *target);

/* An opener_callback; it leaves the fd to the opener. */
void on_answer(void *answer, struct opener_reply *reply);
void bench_submit(
	struct opener_bench *bench, const struct opener_request *request, struct answer *answer);
/* Runs the loop until it is answered, for 20 s at most. */
void bench_wait(struct opener_bench *bench, const struct answer *answer);
/* Both. */
void bench_ask(
	struct opener_bench *bench, const struct opener_request *request, struct answer *answer);
/* Runs the loop for a time. */
void bench_run_for(struct opener_bench *bench, uint64_t time_ns);

/* The youngest perfd-opener among our children (0: none), which is called so once it has
 * answered anything; how many there are, zombies too. */
pid_t opener_pid(size_t *ret_n);
size_t descriptors(void);
