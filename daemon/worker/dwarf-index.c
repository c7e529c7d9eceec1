/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which unit an address is in is told by the ranges in the units' root entries, which are all read at
 * first; .debug_aranges, which clang does not write, is not needed. A unit that an address hits is
 * read once: the ranges of its functions and of what was inlined into them, and its line table.
 * Names are looked up only for what is found. Where .debug_info is packed, to unpack it takes about as
 * long as to read its units, so that units which are wanted soon are read meanwhile.
 *
 * The units that were not used for longest go when all together pass a ceiling. A unit whose split
 * part is not to be had has what its skeleton tells: lines, with some compilers inlined calls too.
 */

#include "daemon/worker/dwarf-index.h"

#include <dwarf.h>
#include <errno.h>

#include "daemon/worker/dwarf-functions.h"
#include "daemon/worker/dwarf-lines.h"
#include "daemon/worker/dwarf-ranges.h"
#include "daemon/worker/dwarf-split.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

#define BYTES_MAX (UINT64_C(256) << 20)
#define UNIT_RANGES_MAX (1u << 22)
/* After so many functions what they were described from is given back: they stand all over the file, and
 * a page that is looked at may bring megabytes along. */
#define DESCRIPTIONS_HELD 32

struct unit {
	struct dwarf_unit *dwarf; /* in the main file */
	struct dwarf_unit *code; /* the same, or its split part: has the functions */
	struct dwarf_functions functions;
	struct dwarf_lines lines;
	uint64_t used, bytes;
	bool is_read;
};

struct dwarf_index {
	struct dwarf_file *file, *alternate;
	struct dwarf_split *split;
	struct unit *units; /* as those of `file` */
	size_t n_units, n_units_allocated;
	struct range_index ranges; /* id: index of a unit */
	uint64_t n_finds, bytes;
	size_t n_descriptions; /* looked up since pages were given back */
	uint32_t n_ranges_left; /* to be read of the units' lists */
};

static void forget(struct dwarf_index *index, struct unit *unit)
{
	index->bytes -= unit->bytes;
	dwarf_functions_done(&unit->functions);
	dwarf_lines_done(&unit->lines);
	unit->is_read = false;
	unit->bytes = 0;
}

static void trim(struct dwarf_index *index)
{
	while (index->bytes > BYTES_MAX) {
		struct unit *oldest = NULL;

		for (size_t i = 0; i < index->n_units; i++) {
			struct unit *unit = &index->units[i];

			if (unit->is_read && (!oldest || unit->used < oldest->used))
				oldest = unit;
		}
		if (!oldest)
			return;
		forget(index, oldest);
	}
}

static uint64_t unit_bytes(const struct unit *unit)
{
	return unit->functions.n_allocated * sizeof(*unit->functions.functions) +
		unit->functions.n_descriptions_allocated * sizeof(*unit->functions.descriptions) +
		unit->functions.ranges.n_allocated * sizeof(*unit->functions.ranges.ranges) +
		unit->lines.n_rows_allocated * sizeof(*unit->lines.rows) +
		unit->lines.n_sequences_allocated * sizeof(*unit->lines.sequences);
}

/* 0, DWARF_INDEX_WANTS, or -ENOMEM. */
static int find_code(struct dwarf_index *index, struct unit *unit, struct dwarf_wanted *ret_wanted)
{
	struct dwarf_unit *skeleton = unit->dwarf;
	int r;

	unit->code = skeleton;
	if (!skeleton->split_name || !skeleton->id)
		return 0;
	r = dwarf_split_find(index->split, skeleton, &unit->code);
	if (r != DWARF_SPLIT_WANTED)
		return r < 0 ? r : 0;
	*ret_wanted = (struct dwarf_wanted){
		.id = skeleton->id, .directory = skeleton->directory, .name = skeleton->split_name};
	return DWARF_INDEX_WANTS;
}

/* What units share is read all over; it comes back page by page where it is needed again. */
static void release_shared(struct dwarf_file *file)
{
	static const enum dwarf_section shared[] = {DWARF_ABBREV, DWARF_STR, DWARF_LINE_STR,
		DWARF_LINE, DWARF_ADDR, DWARF_RANGES, DWARF_RNGLISTS};

	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		dwarf_file_release(file, shared[i], 0, file->sections[shared[i]].size);
}

static void release_all(struct dwarf_file *file)
{
	dwarf_file_release(file, DWARF_INFO, 0, file->sections[DWARF_INFO].size);
	release_shared(file);
}

static int describe(struct dwarf_index *index, struct unit *unit, uint32_t id,
	const struct dwarf_description **ret_description)
{
	size_t n = unit->functions.n_descriptions;
	int r = dwarf_function_describe(unit->code, &unit->functions, id, ret_description);

	index->n_descriptions += unit->functions.n_descriptions - n;
	if (index->n_descriptions < DESCRIPTIONS_HELD)
		return r;
	index->n_descriptions = 0;
	release_all(unit->code->file);
	release_all(index->file);
	if (index->alternate)
		release_all(index->alternate);
	return r;
}

static int read_unit(struct dwarf_index *index, struct unit *unit, struct dwarf_wanted *ret_wanted)
{
	int r = dwarf_unit_open(unit->dwarf);

	if (!r)
		r = find_code(index, unit, ret_wanted);
	if (!r)
		r = dwarf_functions_read(unit->code, &unit->functions);
	if (!r)
		r = dwarf_lines_read(unit->dwarf, &unit->lines);
	if (r)
		return r;
	dwarf_file_release(unit->code->file, DWARF_INFO, unit->code->offset, unit->code->end);
	release_shared(unit->code->file);
	release_shared(unit->dwarf->file);
	unit->is_read = true;
	unit->bytes = unit_bytes(unit);
	index->bytes += unit->bytes;
	return 0;
}

static bool is_wanted_soon(const struct dwarf_index_soon *soon, uint64_t start, uint64_t end)
{
	size_t low = 0, high = soon->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (soon->addresses[middle] < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < soon->n && soon->addresses[low] < end;
}

/* Adds the ranges of unit i to the index. */
static int add_ranges(struct dwarf_index *index, uint32_t i, const struct dwarf_index_soon *soon,
	bool *ret_is_wanted)
{
	struct dwarf_unit *unit = index->units[i].dwarf;
	struct dwarf_ranges ranges;
	bool is_wanted = false;
	uint64_t start, end;
	int r = dwarf_unit_read_root(unit);

	if (r < 0)
		return r;
	*ret_is_wanted = false;
	if (unit->type == DW_UT_type)
		return 0;
	dwarf_ranges_init(
		&ranges, unit, &unit->root_ranges[0], &unit->root_ranges[1], &unit->root_ranges[2]);
	ranges.n_left = index->n_ranges_left;
	while (dwarf_ranges_next(&ranges, &start, &end)) {
		r = range_index_add(&index->ranges, start, end, i, 0);
		if (r < 0)
			return r;
		is_wanted = is_wanted || is_wanted_soon(soon, start, end);
	}
	index->n_ranges_left = ranges.n_left;
	*ret_is_wanted = is_wanted;
	return 0;
}

static int add_unit(struct dwarf_index *index, const struct dwarf_index_soon *soon)
{
	uint32_t i = (uint32_t)index->n_units;
	struct dwarf_wanted wanted;
	bool is_wanted;
	int r = array_reserve(
		&index->units, &index->n_units_allocated, i + 1, sizeof(*index->units));

	if (r < 0)
		return r;
	index->units[i] = (struct unit){.dwarf = index->file->units[i]};
	index->n_units++;
	r = add_ranges(index, i, soon, &is_wanted);
	if (!r && is_wanted && dwarf_file_is_unpacking(index->file) && index->bytes < BYTES_MAX)
		r = read_unit(index, &index->units[i], &wanted);
	return r < 0 ? r : 0;
}

static int add_units(struct dwarf_index *index, const struct dwarf_index_soon *soon)
{
	int r = 0;

	index->n_ranges_left = UNIT_RANGES_MAX;
	while (!r) {
		/* A unit that refers to others may have had all read already. */
		if (index->n_units == index->file->n_units)
			r = dwarf_file_next_unit(index->file);
		if (!r)
			r = add_unit(index, soon);
	}
	if (r < 0)
		return r;
	range_index_seal(&index->ranges);
	return 0;
}

static void set_place(struct unit *unit, uint32_t file, uint32_t line, struct dwarf_frame *frame)
{
	frame->file = dwarf_lines_path(&unit->lines, file);
	frame->line = line;
}

/* Fills the chain outwards; what is left at its end is the place of a frame without a name. */
static int fill_chain(
	struct dwarf_index *index, struct unit *unit, uint64_t address, struct dwarf_chain *chain)
{
	const struct range_index *ranges = &unit->functions.ranges;
	uint32_t last = UINT32_MAX;

	for (size_t i = range_index_find(ranges, address); i != RANGE_NONE;
		i = range_index_outer(ranges, i, address)) {
		uint32_t id = ranges->ranges[i].id;
		const struct dwarf_function *function = &unit->functions.functions[id];
		const struct dwarf_description *description;
		int r;

		if (id == last)
			continue;
		last = id;
		r = describe(index, unit, id, &description);
		if (r < 0)
			return r;
		chain->frames[chain->n].name = description->name;
		chain->frames[chain->n++].start_line = description->start_line;
		if (!function->is_inlined || chain->n == WORKER_CHAIN_MAX)
			return 0;
		chain->frames[chain->n] = (struct dwarf_frame){};
		set_place(unit, description->call_file, description->call_line,
			&chain->frames[chain->n]);
	}
	if (chain->frames[chain->n].file)
		chain->n++;
	return 0;
}

int dwarf_index_find(struct dwarf_index *index, uint64_t address, struct dwarf_chain *ret_chain,
	struct dwarf_wanted *ret_wanted)
{
	size_t i = range_index_find(&index->ranges, address);
	uint32_t file, line;
	struct unit *unit;

	ret_chain->n = 0;
	if (i == RANGE_NONE)
		return 0;
	unit = &index->units[index->ranges.ranges[i].id];
	unit->used = ++index->n_finds;
	if (!unit->is_read) {
		int r = read_unit(index, unit, ret_wanted);

		if (r)
			return r;
		trim(index);
		if (!unit->is_read)
			return 0;
	}
	ret_chain->frames[0] = (struct dwarf_frame){};
	if (dwarf_lines_find(&unit->lines, address, &file, &line))
		set_place(unit, file, line, &ret_chain->frames[0]);
	return fill_chain(index, unit, address, ret_chain);
}

int dwarf_index_grant(struct dwarf_index *index, uint64_t id, struct elf_file *elf)
{
	return dwarf_split_add(index->split, id, elf);
}

static void dwarf_index_freep(struct dwarf_index **index)
{
	dwarf_index_free(*index);
}

int dwarf_index_new(const struct dwarf_index_files *files, const struct dwarf_index_soon *soon,
	struct dwarf_index **ret_index)
{
	CLEANUP(dwarf_index_freep) struct dwarf_index *index = calloc(1, sizeof(*index));
	int r = 0;

	if (!index)
		return -ENOMEM;
	index->file = dwarf_file_new(files->elf, false);
	index->split = dwarf_split_new();
	if (!index->file || !index->split)
		return -ENOMEM;
	if (files->alternate) {
		index->alternate = dwarf_file_new(files->alternate, false);
		if (!index->alternate)
			return -ENOMEM;
		index->file->alternate = index->alternate;
	}
	if (files->package)
		r = dwarf_split_set_package(index->split, files->package);
	if (!r)
		r = add_units(index, soon);
	if (r < 0)
		return r;
	*ret_index = TAKE(index);
	return 0;
}

struct dwarf_index *dwarf_index_free(struct dwarf_index *index)
{
	if (!index)
		return NULL;
	for (size_t i = 0; i < index->n_units; i++)
		forget(index, &index->units[i]);
	free(index->units);
	range_index_done(&index->ranges);
	dwarf_split_free(index->split);
	dwarf_file_free(index->file);
	dwarf_file_free(index->alternate);
	free(index);
	return NULL;
}
