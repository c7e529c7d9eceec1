/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The files that name an object: itself, its debug file, the dwz file, the package of its split
 * DWARF. A small machine that says which file to open or to probe next; its owner does both and
 * tells it the outcome. Split DWARF of single units is opened when a worker asks for it.
 */

#include "daemon/symbolize/debug-files.h"
#include "daemon/target/objects.h"
#include "daemon/worker/messages.h"

enum files_stage {
	FILES_OPEN_ROOT, /* first: the target may end before all else is found */
	FILES_PROBE_OBJECT,
	FILES_OPEN_DEBUG,
	FILES_PROBE_DEBUG,
	FILES_OPEN_ALTERNATE,
	FILES_PROBE_ALTERNATE,
	FILES_OPEN_PACKAGE, /* not probed: its units are found by their ids */
	FILES_READY, /* last, but for: */
	FILES_OPEN_SPLIT, /* and back to READY */
};

struct object_files {
	enum files_stage stage;
	enum files_stage after_root; /* what comes after OPEN_ROOT */
	size_t n_candidates; /* tried in this stage */
	struct worker_probe object, debug;
	struct debug_candidate candidate;
	int candidate_fd;
	int root_fd; /* the root directory of a process that has the object; -1: none */
	uint64_t candidate_trust, candidate_bytes;
	int fds[N_WORKER_FILES]; /* once found; OBJECT stays -1 */
	struct file_identity candidate_identity, debug_identity; /* all zero: none */
	uint64_t split; /* the unit for which SPLIT was opened, or not found */
	bool is_split_tried; /* the worker does not know yet */
	unsigned n_splits; /* asked for since the last answer */
	uint64_t trust, bytes; /* of all files together, but for the object's own bytes */
};

void object_files_init(struct object_files *files);
void object_files_done(struct object_files *files);

/* In an OPEN stage: the next candidate to open, in `candidate`; or the stage moves on. Returns
 * whether there is one. */
bool object_files_next(
	struct object_files *files, const struct object *object, const struct debug_places *places);
/* What came of it; takes the reply's fd. The stage is PROBE or still OPEN. */
void object_files_on_opened(
	struct object_files *files, const struct object *object, struct opener_reply *reply);

/* In a PROBE stage: the file to probe. */
int object_files_probe_fd(const struct object_files *files, const struct object *object);
uint64_t object_files_probe_trust(const struct object_files *files);
/* What came of it; NULL: the file is of no use, which for the object's own file is not asked. */
void object_files_on_probe(struct object_files *files, const struct worker_probe *probe);

/* A worker needs the split DWARF of a unit: the stage is OPEN_SPLIT. False: it asks without end. */
bool object_files_want_split(struct object_files *files, const struct worker_want *want);
/* A call with SPLIT has been sent. */
void object_files_split_sent(struct object_files *files);

/* A file that is not to be found here, and would name more. */
struct missing_file {
	enum worker_file file;
	const uint8_t *build_id; /* within the object_files */
	size_t build_id_size;
};

/* In READY: whether there is one. */
bool object_files_missing(const struct object_files *files, const struct object *object,
	struct missing_file *ret_missing);
/* It may be there now: the stage is the OPEN one of that file, then those that follow. */
void object_files_search_again(struct object_files *files, enum worker_file file);
/* In READY: is there something that may have been installed since? Then the stages are those of a
 * search for it, with the process's root first, as long as there is the process. */
bool object_files_refresh(struct object_files *files, const struct object *object);

/* Is a part of the DWARF in a dwz file that was not found? */
bool object_files_lack_alternate(const struct object_files *files);
/* Does DWARF stand in one of the files? */
bool object_files_have_lines(const struct object_files *files);
