/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where the separate debug file of an object may be: candidate after candidate, and whether what
 * was found there is the one. Pure; symbolize/files opens and probes.
 */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/opener/opener.h"
#include "daemon/worker/messages.h"

#define DEBUG_FILE_PATH_MAX 4096

struct debug_places {
	const char *const *directories; /* NULL-terminated */
	const char *fetched; /* the directory of what perfd-fetch got; NULL: none */
};

struct debug_candidate {
	enum opener_how how;
	bool is_the_targets; /* from its root: the owner must be the object's */
	bool needs_crc; /* nothing but the CRC tells whether it is the one */
	char path[DEBUG_FILE_PATH_MAX];
};

#define DEBUG_FILES_END 1 /* no candidate with this number */

/* Candidate i for the debug file of the object at `path` (as its target calls it). 0 or
 * DEBUG_FILES_END. */
int debug_files_candidate(const struct worker_probe *probe, const char *path,
	const struct debug_places *places, size_t i, struct debug_candidate *ret_candidate);
/* The same for the dwz file that a file with this probe shares. */
int debug_files_alternate(const struct worker_probe *probe, const struct debug_places *places,
	size_t i, struct debug_candidate *ret_candidate);

/* The same for the package of the object's split DWARF: beside it, called OBJECT.dwp. */
int debug_files_package(const char *path, size_t i, struct debug_candidate *ret_candidate);

/* Is the file with the probe `found` the debug file of `object`? By build-id; where neither has
 * one, by CRC. */
bool debug_files_match(const struct worker_probe *object, const struct worker_probe *found);
bool debug_files_match_alternate(const struct worker_probe *file, const struct worker_probe *found);
