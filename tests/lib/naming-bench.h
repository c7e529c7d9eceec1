/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A loop with an opener and a symbolizer, objects of files, and a directory for what tests make. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/symbolize/symbolizer.h"

struct naming_bench {
	struct loop *loop;
	struct opener *opener;
	struct symbolizer *symbolizer;
	char directory[64];
	char debug_directory[80]; /* the only one that is searched */
	uint64_t gather_ns; /* to be set before bench_open */
	bool is_answered;
};

/* worker_path NULL: the real one, from the environment variable PERFD_ELF_WORKER. */
void bench_open(struct naming_bench *bench, const char *worker_path, uint64_t job_timeout_ns);
void bench_close(struct naming_bench *bench);

/* Runs a shell command in the directory; fails the test if it fails. */
void bench_run(const struct naming_bench *bench, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* An open object of a file beneath the directory, or of an absolute path. */
struct object *bench_object(const struct naming_bench *bench, const char *path);
/* An open object with these bytes. */
struct object *bench_object_of_bytes(const void *bytes, size_t n);

/* Runs the loop until all that was wanted is answered; false: 20 s have passed. */
bool bench_wait(struct naming_bench *bench);

/* Wants one name and waits for it. */
const struct symbol *bench_name(struct naming_bench *bench, struct object *object, uint64_t offset);

/* A symbol's value by nm, of a file in the directory that is not stripped yet. */
uint64_t bench_address(const struct naming_bench *bench, const char *file, const char *symbol);

/* Children of this process that bear this name; returns how many there are, fills in up to n. */
size_t bench_children(const char *name, int *pids, size_t n);

size_t bench_descriptors(void);
