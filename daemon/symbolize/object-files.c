/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The stages follow each other as the enum has them; a stage for something that the object does not
 * have, or has itself, ends at once. A candidate that cannot be opened, or is not the one, costs the
 * next turn of its stage.
 *
 * Files are looked for in the root of one process that has the object, which need not be that of
 * another one: what stands there counts only if it is the object's owner's. The root is held, so
 * that it outlives the process, until all is found; where split DWARF may be wanted, with the object.
 */

#include "daemon/symbolize/object-files.h"

#include <stdio.h>
#include <string.h>

#include "daemon/symbolize/workers.h"
#include "proto/base/cleanup.h"

/* An address needs one; it may be asked for again when the worker has died or forgotten. */
#define SPLITS_MAX 8

void object_files_init(struct object_files *files)
{
	*files = (struct object_files){
		.candidate_fd = -1, .root_fd = -1, .after_root = FILES_PROBE_OBJECT};
	for (int i = 0; i < N_WORKER_FILES; i++)
		files->fds[i] = -1;
}

void object_files_done(struct object_files *files)
{
	closep(&files->candidate_fd);
	closep(&files->root_fd);
	for (int i = 0; i < N_WORKER_FILES; i++)
		closep(&files->fds[i]);
}

static void enter(struct object_files *files, enum files_stage stage)
{
	files->stage = stage;
	files->n_candidates = 0;
}

/* The probe of the file whose DWARF will be read. */
static const struct worker_probe *dwarf_probe(const struct object_files *files)
{
	return files->debug.kinds & WORKER_HAS_DWARF ? &files->debug : &files->object;
}

static bool may_be_split(const struct object_files *files)
{
	return (files->object.kinds | files->debug.kinds) & WORKER_MAY_BE_SPLIT;
}

static bool next_root(struct object_files *files, const struct object *object)
{
	if (object->kind != OBJECT_FILE || !object->pid || files->root_fd >= 0 ||
		files->n_candidates++)
		return false;
	files->candidate = (struct debug_candidate){.how = OPENER_ROOT, .path = "/"};
	return true;
}

/* Has the object, by itself, all that a debug file could have? */
static bool is_complete(const struct object_files *files)
{
	const uint32_t complete = WORKER_HAS_SYMTAB | WORKER_HAS_DWARF;

	return (files->object.kinds & complete) == complete;
}

bool object_files_next(
	struct object_files *files, const struct object *object, const struct debug_places *places)
{
	if (files->stage == FILES_OPEN_ROOT) {
		if (next_root(files, object))
			return true;
		enter(files, files->after_root);
		if (files->stage == FILES_PROBE_OBJECT)
			return false;
	}
	if (files->stage == FILES_OPEN_DEBUG) {
		if (!is_complete(files) && object->kind == OBJECT_FILE &&
			!debug_files_candidate(&files->object, object->path, places,
				files->n_candidates++, &files->candidate))
			return true;
		enter(files, FILES_OPEN_ALTERNATE);
	}
	if (files->stage == FILES_OPEN_ALTERNATE) {
		if (!debug_files_alternate(
			    dwarf_probe(files), places, files->n_candidates++, &files->candidate))
			return true;
		enter(files, FILES_OPEN_PACKAGE);
	}
	if (files->stage == FILES_OPEN_PACKAGE) {
		if (may_be_split(files) && files->fds[WORKER_FILE_PACKAGE] < 0 &&
			!debug_files_package(
				object->path, files->n_candidates++, &files->candidate))
			return true;
		enter(files, FILES_READY);
		if (!may_be_split(files))
			closep(&files->root_fd);
	}
	/* A .dwo file has one candidate, which object_files_want_split has set. */
	if (files->stage == FILES_OPEN_SPLIT) {
		if (!files->n_candidates++)
			return true;
		enter(files, FILES_READY);
	}
	return false;
}

bool object_files_want_split(struct object_files *files, const struct worker_want *want)
{
	if (++files->n_splits > SPLITS_MAX)
		return false;
	enter(files, FILES_OPEN_SPLIT);
	files->split = want->id;
	files->is_split_tried = true;
	files->candidate = (struct debug_candidate){.how = OPENER_IN_ROOT, .is_the_targets = true};
	snprintf(files->candidate.path, sizeof(files->candidate.path), "%s", want->path);
	return true;
}

bool object_files_lack_alternate(const struct object_files *files)
{
	return dwarf_probe(files)->alternate_id_size > 1 && files->fds[WORKER_FILE_ALTERNATE] < 0;
}

bool object_files_missing(const struct object_files *files, const struct object *object,
	struct missing_file *ret_missing)
{
	const struct worker_probe *dwarf = dwarf_probe(files);

	if (object->kind != OBJECT_FILE || files->stage != FILES_READY)
		return false;
	if (!is_complete(files) && files->fds[WORKER_FILE_DEBUG] < 0 &&
		files->object.build_id_size > 1) {
		*ret_missing = (struct missing_file){
			WORKER_FILE_DEBUG, files->object.build_id, files->object.build_id_size};
		return true;
	}
	if (!object_files_lack_alternate(files))
		return false;
	*ret_missing = (struct missing_file){
		WORKER_FILE_ALTERNATE, dwarf->alternate_id, dwarf->alternate_id_size};
	return true;
}

void object_files_search_again(struct object_files *files, enum worker_file file)
{
	enter(files, file == WORKER_FILE_DEBUG ? FILES_OPEN_DEBUG : FILES_OPEN_ALTERNATE);
}

void object_files_split_sent(struct object_files *files)
{
	files->is_split_tried = false;
	closep(&files->fds[WORKER_FILE_SPLIT]);
}

bool object_files_refresh(struct object_files *files, const struct object *object)
{
	bool lacks_debug = !is_complete(files) && files->fds[WORKER_FILE_DEBUG] < 0;

	if (object->kind != OBJECT_FILE || files->stage != FILES_READY ||
		(!lacks_debug && !object_files_lack_alternate(files)))
		return false;
	files->after_root = lacks_debug ? FILES_OPEN_DEBUG : FILES_OPEN_ALTERNATE;
	enter(files, FILES_OPEN_ROOT);
	return true;
}

int object_files_probe_fd(const struct object_files *files, const struct object *object)
{
	return files->stage == FILES_PROBE_OBJECT ? object->fd : files->candidate_fd;
}

uint64_t object_files_probe_trust(const struct object_files *files)
{
	if (files->stage == FILES_PROBE_OBJECT)
		return files->trust;
	return workers_trust_both(files->trust, files->candidate_trust);
}

static void accept(struct object_files *files, enum worker_file file)
{
	files->trust = object_files_probe_trust(files);
	closep(&files->fds[file]);
	files->fds[file] = take_fd(&files->candidate_fd);
	files->bytes += files->candidate_bytes;
}

void object_files_on_opened(
	struct object_files *files, const struct object *object, struct opener_reply *reply)
{
	if (reply->fd < 0)
		return;
	if (files->stage == FILES_OPEN_ROOT) {
		files->root_fd = take_fd(&reply->fd);
		enter(files, files->after_root);
		return;
	}
	/* That a file is known to be nowhere is kept as an empty one. */
	if (!reply->stat.st_size)
		return;
	/* What stands beside a user's file is the user's, or a trap. */
	if (files->candidate.is_the_targets && reply->stat.st_uid != object->stat.st_uid)
		return;
	files->candidate_fd = take_fd(&reply->fd);
	files->candidate_trust = workers_trust(&reply->stat);
	files->candidate_bytes = (uint64_t)reply->stat.st_size;
	files->candidate_identity = reply->has_identity ? reply->identity
							: (struct file_identity){};
	if (files->stage == FILES_OPEN_PACKAGE || files->stage == FILES_OPEN_SPLIT) {
		accept(files,
			files->stage == FILES_OPEN_PACKAGE ? WORKER_FILE_PACKAGE
							   : WORKER_FILE_SPLIT);
		enter(files, FILES_READY);
		return;
	}
	files->stage = files->stage == FILES_OPEN_DEBUG ? FILES_PROBE_DEBUG : FILES_PROBE_ALTERNATE;
}

void object_files_on_probe(struct object_files *files, const struct worker_probe *probe)
{
	switch (files->stage) {
	case FILES_PROBE_OBJECT:
		if (probe)
			files->object = *probe;
		enter(files, FILES_OPEN_DEBUG);
		return;
	case FILES_PROBE_DEBUG:
		if (probe && debug_files_match(&files->object, probe)) {
			accept(files, WORKER_FILE_DEBUG);
			files->debug_identity = files->candidate_identity;
			files->debug = *probe;
			enter(files, FILES_OPEN_ALTERNATE);
			return;
		}
		files->stage = FILES_OPEN_DEBUG;
		break;
	case FILES_PROBE_ALTERNATE:
		if (probe && debug_files_match_alternate(dwarf_probe(files), probe)) {
			accept(files, WORKER_FILE_ALTERNATE);
			enter(files, FILES_OPEN_PACKAGE);
			return;
		}
		files->stage = FILES_OPEN_ALTERNATE;
		break;
	default:
		return;
	}
	closep(&files->candidate_fd);
}

bool object_files_have_lines(const struct object_files *files)
{
	return (files->object.kinds | files->debug.kinds) & WORKER_HAS_DWARF;
}
