/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A file that is there whole or not at all: written under a temporary name beside the target, then
 * renamed. An existing file is replaced only if it is a regular file. "-" is standard output.
 * Under sudo the file belongs to the calling user.
 */
struct output {
	char *path; /* as it was asked for */
	char *temporary; /* name within the directory; NULL: none is there */
	int directory_fd, fd;
	sigset_t mask; /* to go back to */
	bool is_stdout, has_mask;
};

/*
 * For CLEANUP: output_done() removes what was not committed. While a temporary file is there,
 * SIGINT, SIGTERM and SIGHUP wait. Each of the three says on standard error why it failed, and
 * gives a negative errno.
 */
int output_open(struct output *output, const char *path);
int output_write(struct output *output, const void *bytes, size_t n);
int output_commit(struct output *output);
void output_done(struct output *output);

/* All of the above for one piece of memory. */
int output_write_file(const char *path, const void *bytes, size_t n);
