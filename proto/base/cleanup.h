/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Ownership that a reader can check: each local that owns something is declared with CLEANUP, each
 * escape is a TAKE. File descriptors start at -1.
 */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

/* Hands the pointer out and leaves NULL behind. */
#define TAKE(pointer)                                                                              \
	({                                                                                         \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* The same as TAKE for a file descriptor: leaves -1 behind. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* For CLEANUP on `char *` and other malloc'ed memory. */
static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

/* For CLEANUP on `int fd`. */
static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* For CLEANUP on `FILE *`. */
static inline void fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
	*file = NULL;
}
