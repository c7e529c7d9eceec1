/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An object's tables are made when they are first asked for, symbols and extents of functions at
 * once, since every question needs them.
 */

#include "daemon/worker/job-object.h"

#include <errno.h>

#include "daemon/worker/dwarf-file.h"
#include "daemon/worker/eh-frame.h"
#include "daemon/worker/inflate.h"
#include "proto/base/cleanup.h"

static void job_object_closep(struct job_object **object)
{
	job_object_close(*object);
}

/* Symbols of an object without .symtab may be packed up in it (GDB manual, "MiniDebugInfo"). */
static int open_small(struct job_object *object)
{
	const struct elf_file *file = object->files[WORKER_FILE_OBJECT];
	struct elf_bytes packed;
	uint8_t *bytes;
	size_t size;
	int r;

	if (!elf_file_section(file, ".gnu_debugdata", &packed, NULL))
		return 0;
	r = inflate_xz(packed, &bytes, &size);
	if (!r)
		r = elf_file_open_bytes(bytes, size, &object->small);
	return r < 0 ? r : 0;
}

static int open_symbols(struct job_object *object)
{
	struct symbol_table_files files = {.file = object->files[WORKER_FILE_OBJECT],
		.debug = object->files[WORKER_FILE_DEBUG]};
	int r = open_small(object);

	if (r < 0)
		return r;
	files.small = object->small;
	return symbol_table_new(&files, &object->symbols);
}

int job_object_open(int fds[N_WORKER_FILES], struct job_object **ret_object)
{
	CLEANUP(job_object_closep) struct job_object *object = calloc(1, sizeof(*object));
	int r = object ? 0 : -ENOMEM;

	for (int i = 0; i < N_WORKER_FILES; i++) {
		if (fds[i] < 0)
			continue;
		if (r) {
			closep(&fds[i]);
			continue;
		}
		r = elf_file_open(take_fd(&fds[i]), &object->files[i]);
		/* A bad debug file is as none; a bad object is the caller's to know. */
		if (r == ELF_FILE_BAD)
			r = i == WORKER_FILE_OBJECT ? WORKER_STATUS_BAD_ELF : 0;
	}
	if (!r && !object->files[WORKER_FILE_OBJECT])
		r = WORKER_STATUS_BAD_ELF;
	if (r)
		return r;
	r = open_symbols(object);
	if (r < 0)
		return r;
	r = eh_frame_add(object->files[WORKER_FILE_OBJECT], &object->functions);
	if (r < 0)
		return r;
	range_index_seal(&object->functions);
	*ret_object = TAKE(object);
	return 0;
}

struct job_object *job_object_close(struct job_object *object)
{
	if (!object)
		return NULL;
	dwarf_index_free(object->dwarf);
	symbol_table_free(object->symbols);
	range_index_done(&object->functions);
	spellings_done(&object->spellings);
	elf_file_close(object->small);
	for (int i = 0; i < N_WORKER_FILES; i++)
		elf_file_close(object->files[i]);
	free(object);
	return NULL;
}

uint64_t job_object_file_bytes(const struct job_object *object)
{
	uint64_t size = 0;

	for (int i = 0; i < N_WORKER_FILES; i++)
		size += object->files[i] ? object->files[i]->size : 0;
	return size;
}

bool job_object_lacks_alternate(const struct job_object *object)
{
	static const enum worker_file either[] = {WORKER_FILE_DEBUG, WORKER_FILE_OBJECT};
	struct elf_bytes link;

	for (size_t i = 0; i < ARRAY_SIZE(either) && !object->files[WORKER_FILE_ALTERNATE]; i++) {
		const struct elf_file *file = object->files[either[i]];

		if (file && elf_file_section(file, ".gnu_debugaltlink", &link, NULL))
			return true;
	}
	return false;
}

static int compare(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

static int new_dwarf(struct job_object *object, const struct dwarf_index_files *files,
	const uint64_t *offsets, size_t n)
{
	CLEANUP(freep) uint64_t *addresses = calloc(n + 1, sizeof(*addresses));
	struct dwarf_index_soon soon = {.addresses = addresses};

	if (!addresses)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (elf_file_address(
			    object->files[WORKER_FILE_OBJECT], offsets[i], &addresses[soon.n]))
			soon.n++;
	qsort(addresses, soon.n, sizeof(*addresses), compare);
	return dwarf_index_new(files, &soon, &object->dwarf);
}

/* DWARF of the debug file, else of the object itself. */
int job_object_open_dwarf(struct job_object *object, const uint64_t *offsets, size_t n)
{
	static const enum worker_file order[] = {WORKER_FILE_DEBUG, WORKER_FILE_OBJECT};
	struct dwarf_index_files files = {
		.alternate = object->files[WORKER_FILE_ALTERNATE],
		.package = object->files[WORKER_FILE_PACKAGE],
	};

	if (object->is_dwarf_tried)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(order) && !files.elf; i++) {
		struct elf_file *file = object->files[order[i]];

		if (file && dwarf_file_has(file, false))
			files.elf = file;
	}
	object->is_dwarf_tried = true;
	return files.elf ? new_dwarf(object, &files, offsets, n) : 0;
}

int job_object_grant(struct job_object *object, uint64_t id, int fd)
{
	CLEANUP(closep) int owned = fd;
	struct elf_file *elf = NULL;
	int r = job_object_open_dwarf(object, NULL, 0);

	if (r < 0 || !object->dwarf)
		return r;
	if (owned >= 0) {
		r = elf_file_open(take_fd(&owned), &elf);
		if (r < 0)
			return r;
		/* Mapped: as many as a program has units would be too many descriptors. */
		if (!r)
			elf_file_forget_fd(elf);
	}
	return dwarf_index_grant(object->dwarf, id, elf);
}
