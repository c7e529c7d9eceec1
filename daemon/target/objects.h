/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What code comes from: one object for each distinct file that was seen mapped executable, told by
 * device, inode and build-id, held open from the first moment on, so that it can be named when the
 * process or the path is gone. Reference counted; the descriptor closes with the last reference.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define BUILD_ID_MAX 64

enum object_kind {
	OBJECT_FILE,
	OBJECT_VDSO, /* fd is a memfd with the image of perfd's own vdso: the same for all */
};

enum object_state {
	OBJECT_OPENING, /* the opener has not answered yet */
	OBJECT_OPEN, /* fd is good */
	OBJECT_GONE, /* could not be opened; open_error says why */
};

struct object {
	unsigned n_refs;
	enum object_kind kind;
	enum object_state state;
	int fd; /* -1 unless OBJECT_OPEN */
	int open_error; /* negative errno */
	bool is_requested; /* the opener is at it */
	struct stat stat; /* of fd */
	char *path; /* a label: as the target calls it; never NULL */
	uint32_t pid; /* a process it was seen in: for its root directory; 0: none */
	uint64_t process_start_ns; /* when that one began, since boot; 0: not known */
	bool is_by_path; /* opened by path, not by mapping */
	uint64_t used_ns; /* CLOCK_MONOTONIC: when it was born, or a sample met it last, roughly */

	/* Told by the symbolizer once it has probed the file. */
	bool is_probed;
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_size;

	void *symbols; /* the symbolizer's; freed through on_free */
	void (*on_free)(void *symbols);
};

struct object *object_ref(struct object *object);
struct object *object_unref(struct object *object); /* takes NULL, returns NULL */
void object_unrefp(struct object **object);

/* One reference, state OPENING, fd -1, or NULL without memory. */
struct object *object_new(enum object_kind kind, const char *path);

/* A better label than the one it was born with. 0 or -ENOMEM. */
int object_set_path(struct object *object, const char *path);
