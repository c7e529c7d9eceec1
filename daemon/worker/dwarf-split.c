/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A unit is found by its id: in the package first, by the package's index, then among the .dwo files
 * that were added. A file that has not the unit that it was added for counts as none: whoever built
 * the program has since built it again.
 */

#include "daemon/worker/dwarf-split.h"

#include <dwarf.h>
#include <errno.h>

#include "daemon/worker/dwarf-package.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

struct part {
	uint64_t id;
	struct elf_file *elf;
	struct dwarf_file *file; /* NULL: none is to be had */
	struct dwarf_unit *unit;
};

struct dwarf_split {
	struct dwarf_file *package; /* or NULL */
	struct part **parts; /* few, or at most as many as units: searched from the last */
	size_t n_parts, n_parts_allocated;
};

struct dwarf_split *dwarf_split_new(void)
{
	return calloc(1, sizeof(struct dwarf_split));
}

static struct part *part_free(struct part *part)
{
	dwarf_file_free(part->file);
	elf_file_close(part->elf);
	/* A unit of a package is by itself; that of a .dwo file is its file's. */
	if (part->unit && !part->elf) {
		dwarf_unit_done(part->unit);
		free(part->unit);
	}
	free(part);
	return NULL;
}

struct dwarf_split *dwarf_split_free(struct dwarf_split *split)
{
	if (!split)
		return NULL;
	for (size_t i = 0; i < split->n_parts; i++)
		part_free(split->parts[i]);
	free(split->parts);
	dwarf_file_free(split->package);
	free(split);
	return NULL;
}

int dwarf_split_set_package(struct dwarf_split *split, const struct elf_file *elf)
{
	if (!dwarf_file_has(elf, true))
		return 0;
	split->package = dwarf_file_new(elf, true);
	return split->package ? 0 : -ENOMEM;
}

static struct part *find_part(struct dwarf_split *split, uint64_t id)
{
	for (size_t i = split->n_parts; i > 0; i--)
		if (split->parts[i - 1]->id == id)
			return split->parts[i - 1];
	return NULL;
}

/* A new part with this id, which is none yet. */
static int add_part(struct dwarf_split *split, uint64_t id, struct part **ret_part)
{
	struct part *part = calloc(1, sizeof(*part));
	int r = part ? array_reserve(&split->parts, &split->n_parts_allocated, split->n_parts + 1,
			       sizeof(*split->parts))
		     : -ENOMEM;

	if (r < 0) {
		free(part);
		return r;
	}
	part->id = id;
	split->parts[split->n_parts++] = part;
	*ret_part = part;
	return 0;
}

int dwarf_split_add(struct dwarf_split *split, uint64_t id, struct elf_file *elf)
{
	struct part *part;
	int r = find_part(split, id) ? -EEXIST : add_part(split, id, &part);

	if (r < 0) {
		elf_file_close(elf);
		return r == -EEXIST ? 0 : r;
	}
	part->elf = elf;
	if (!elf || !dwarf_file_has(elf, true))
		return 0;
	part->file = dwarf_file_new(elf, true);
	return part->file ? 0 : -ENOMEM;
}

static int open_split(struct dwarf_unit *unit, struct dwarf_unit *skeleton)
{
	unit->skeleton = skeleton;
	return dwarf_unit_open(unit);
}

/* The compilation unit of a .dwo file, which has one as a rule. */
static int find_in_file(struct part *part, struct dwarf_unit *skeleton)
{
	int r = dwarf_file_units(part->file);

	for (size_t i = 0; i < part->file->n_units && r >= 0; i++) {
		struct dwarf_unit *unit = part->file->units[i];

		if (unit->type == DW_UT_split_type || unit->type == DW_UT_type)
			continue;
		r = open_split(unit, skeleton);
		if (r < 0)
			return r;
		if (unit->id != skeleton->id)
			continue;
		part->unit = unit;
		return 0;
	}
	return r < 0 ? r : DWARF_SPLIT_NONE;
}

static int find_in_package(
	struct dwarf_split *split, struct dwarf_unit *skeleton, struct dwarf_unit **ret_unit)
{
	struct dwarf_unit unit;
	struct part *part;
	int r = dwarf_package_find(split->package, skeleton->id, &unit);

	if (r)
		return r;
	r = add_part(split, skeleton->id, &part);
	if (r < 0)
		return r;
	part->unit = malloc(sizeof(unit));
	if (!part->unit)
		return -ENOMEM;
	*part->unit = unit;
	r = open_split(part->unit, skeleton);
	if (!r)
		*ret_unit = part->unit;
	return r;
}

int dwarf_split_find(
	struct dwarf_split *split, struct dwarf_unit *skeleton, struct dwarf_unit **ret_unit)
{
	struct part *part = find_part(split, skeleton->id);
	int r = 0;

	if (!part && split->package) {
		r = find_in_package(split, skeleton, ret_unit);
		if (r != DWARF_PACKAGE_NONE)
			return r;
	}
	if (!part)
		return DWARF_SPLIT_WANTED;
	if (!part->unit) {
		r = part->file ? find_in_file(part, skeleton) : DWARF_SPLIT_NONE;
		if (r)
			return r;
	}
	*ret_unit = part->unit;
	return 0;
}
