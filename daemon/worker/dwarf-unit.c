/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Headers and root entries (DWARF 5, 7.5.1). The root entry says where the unit's shares of other
 * sections begin, and its own name may need one of them: values are collected first, then read. A
 * split unit of version 5 has bases right behind the headers of its sections; a package moves them.
 */

#include "daemon/worker/dwarf-unit.h"

#include <dwarf.h>
#include <errno.h>

#include "proto/base/cleanup.h"

#define LENGTH_BYTES_MAX 12

/* Lengths, and the size of offsets that goes with them. */
static uint64_t read_length(struct cfi_cursor *cursor, struct dwarf_sizes *sizes)
{
	uint64_t length = cfi_read_fixed(cursor, 4);

	sizes->offset_size = 4;
	if (length == UINT32_MAX) {
		length = cfi_read_fixed(cursor, 8);
		sizes->offset_size = 8;
	} else if (length >= 0xfffffff0) {
		cfi_fail(cursor);
	}
	return length;
}

static bool is_type_known(const struct dwarf_unit *unit)
{
	switch (unit->type) {
	case DW_UT_compile:
	case DW_UT_partial:
	case DW_UT_type:
	case DW_UT_skeleton:
	case DW_UT_split_compile:
	case DW_UT_split_type:
		return true;
	default:
		return false;
	}
}

static void read_header(struct cfi_cursor *cursor, struct dwarf_unit *unit)
{
	unit->type = DW_UT_compile;
	if (unit->sizes.version >= 5) {
		unit->type = cfi_read_byte(cursor);
		unit->sizes.address_size = cfi_read_byte(cursor);
		unit->abbrev_offset = cfi_read_fixed(cursor, unit->sizes.offset_size);
	} else {
		unit->abbrev_offset = cfi_read_fixed(cursor, unit->sizes.offset_size);
		unit->sizes.address_size = cfi_read_byte(cursor);
	}
	if (unit->type == DW_UT_skeleton || unit->type == DW_UT_split_compile ||
		unit->type == DW_UT_type || unit->type == DW_UT_split_type)
		unit->id = cfi_read_fixed(cursor, 8);
	if (unit->type == DW_UT_type || unit->type == DW_UT_split_type)
		cfi_skip(cursor, unit->sizes.offset_size);
}

int dwarf_unit_read(struct dwarf_file *file, uint64_t offset, struct dwarf_unit *ret_unit)
{
	struct cfi_cursor cursor = dwarf_file_cursor(file, DWARF_INFO, offset);
	struct dwarf_unit unit = {.file = file, .offset = offset, .is_split = file->is_split};
	const uint8_t *start = cursor.at;
	uint64_t length;

	dwarf_file_wait(file, offset + LENGTH_BYTES_MAX);
	length = read_length(&cursor, &unit.sizes);
	if (cursor.is_bad || length > cfi_left(&cursor) || !length)
		return DWARF_UNIT_END;
	cursor.end = cursor.at + length;
	unit.end = offset + (uint64_t)(cursor.end - start);
	dwarf_file_wait(file, unit.end);
	unit.sizes.version = (uint8_t)cfi_read_fixed(&cursor, 2);
	if (unit.sizes.version >= 2 && unit.sizes.version <= 5)
		read_header(&cursor, &unit);
	unit.first = offset + (uint64_t)(cursor.at - start);
	*ret_unit = unit;
	if (cursor.is_bad || !is_type_known(&unit) ||
		(unit.sizes.address_size != 8 && unit.sizes.address_size != 4))
		return DWARF_UNIT_UNKNOWN;
	return 0;
}

void dwarf_unit_done(struct dwarf_unit *unit)
{
	dwarf_abbrevs_done(&unit->abbrevs);
}

enum root {
	ROOT_NAME,
	ROOT_DIRECTORY,
	ROOT_LANGUAGE,
	ROOT_LOW_PC,
	ROOT_HIGH_PC,
	ROOT_RANGES,
	ROOT_LINES,
	ROOT_STR_OFFSETS_BASE,
	ROOT_ADDR_BASE,
	ROOT_RNGLISTS_BASE,
	ROOT_SPLIT_NAME,
	ROOT_GNU_SPLIT_NAME,
	ROOT_GNU_ID,
	ROOT_GNU_ADDR_BASE,
	ROOT_GNU_RANGES_BASE,
	N_ROOT,
};

static const uint16_t root_names[N_ROOT] = {
	[ROOT_NAME] = DW_AT_name,
	[ROOT_DIRECTORY] = DW_AT_comp_dir,
	[ROOT_LANGUAGE] = DW_AT_language,
	[ROOT_LOW_PC] = DW_AT_low_pc,
	[ROOT_HIGH_PC] = DW_AT_high_pc,
	[ROOT_RANGES] = DW_AT_ranges,
	[ROOT_LINES] = DW_AT_stmt_list,
	[ROOT_STR_OFFSETS_BASE] = DW_AT_str_offsets_base,
	[ROOT_ADDR_BASE] = DW_AT_addr_base,
	[ROOT_RNGLISTS_BASE] = DW_AT_rnglists_base,
	[ROOT_SPLIT_NAME] = DW_AT_dwo_name,
	[ROOT_GNU_SPLIT_NAME] = DW_AT_GNU_dwo_name,
	[ROOT_GNU_ID] = DW_AT_GNU_dwo_id,
	[ROOT_GNU_ADDR_BASE] = DW_AT_GNU_addr_base,
	[ROOT_GNU_RANGES_BASE] = DW_AT_GNU_ranges_base,
};

/* A split unit does not say its bases: they stand behind the headers of its shares. */
static void default_bases(struct dwarf_unit *unit)
{
	bool is_new = unit->is_split && unit->sizes.version >= 5;
	uint64_t length_size = unit->sizes.offset_size == 8 ? 12 : 4;

	unit->str_offsets_base = unit->shares[DWARF_STR_OFFSETS];
	unit->rnglists_base = unit->shares[DWARF_RNGLISTS];
	if (is_new) {
		unit->str_offsets_base += length_size + 4;
		unit->rnglists_base += length_size + 8;
	}
}

static void set_base(uint64_t *base, const struct dwarf_value *value)
{
	if (value->form)
		*base = value->number;
}

static void take_root(struct dwarf_unit *unit, const struct dwarf_value *values)
{
	bool is_gnu = values[ROOT_GNU_SPLIT_NAME].form;

	set_base(&unit->str_offsets_base, &values[ROOT_STR_OFFSETS_BASE]);
	set_base(&unit->rnglists_base, &values[ROOT_RNGLISTS_BASE]);
	set_base(&unit->addr_base, &values[ROOT_ADDR_BASE]);
	set_base(&unit->addr_base, &values[ROOT_GNU_ADDR_BASE]);
	set_base(&unit->ranges_base, &values[ROOT_GNU_RANGES_BASE]);
	set_base(&unit->lines, &values[ROOT_LINES]);
	set_base(&unit->id, &values[ROOT_GNU_ID]);
	unit->has_lines = values[ROOT_LINES].form;
	unit->language = (uint16_t)values[ROOT_LANGUAGE].number;
	unit->name = dwarf_value_text(unit, &values[ROOT_NAME]);
	unit->directory = dwarf_value_text(unit, &values[ROOT_DIRECTORY]);
	unit->split_name = dwarf_value_text(
		unit, &values[is_gnu ? ROOT_GNU_SPLIT_NAME : ROOT_SPLIT_NAME]);
	memcpy(unit->root_ranges,
		(struct dwarf_value[]){
			values[ROOT_LOW_PC], values[ROOT_HIGH_PC], values[ROOT_RANGES]},
		sizeof(unit->root_ranges));
	unit->has_low_pc = dwarf_value_address(unit, &values[ROOT_LOW_PC], &unit->low_pc);
}

static int read_abbrevs(struct dwarf_unit *unit, uint64_t until)
{
	uint64_t offset = unit->abbrev_offset + unit->shares[DWARF_ABBREV];

	dwarf_abbrevs_done(&unit->abbrevs);
	return dwarf_abbrevs_read(dwarf_file_cursor(unit->file, DWARF_ABBREV, offset), &unit->sizes,
		until, &unit->abbrevs);
}

int dwarf_unit_read_root(struct dwarf_unit *unit)
{
	struct dwarf_value values[N_ROOT];
	struct dwarf_die die;
	int r;

	if (unit->is_root_read)
		return 0;
	if (!unit->is_open) {
		struct cfi_cursor root = dwarf_file_cursor(unit->file, DWARF_INFO, unit->first);

		r = read_abbrevs(unit, cfi_read_uleb(&root));
		if (r < 0)
			return r;
	}
	unit->is_root_read = true;
	default_bases(unit);
	if (!dwarf_die_read(unit, unit->first, &die))
		return 0;
	dwarf_die_values(&die, root_names, values, N_ROOT);
	if (die.abbrev->tag == DW_TAG_partial_unit)
		unit->type = DW_UT_partial;
	take_root(unit, values);
	return 0;
}

int dwarf_unit_open(struct dwarf_unit *unit)
{
	int r;

	if (!unit->is_open) {
		r = read_abbrevs(unit, 0);
		if (r < 0)
			return r;
		unit->is_open = true;
	}
	return dwarf_unit_read_root(unit);
}

bool dwarf_die_read(struct dwarf_unit *unit, uint64_t offset, struct dwarf_die *ret_die)
{
	struct dwarf_die die = {.unit = unit};

	if (offset < unit->first || offset >= unit->end)
		return false;
	die.at = dwarf_file_cursor(unit->file, DWARF_INFO, offset);
	die.at.end = unit->file->sections[DWARF_INFO].data + unit->end;
	die.abbrev = dwarf_abbrevs_find(&unit->abbrevs, cfi_read_uleb(&die.at));
	if (!die.abbrev)
		return false;
	*ret_die = die;
	return true;
}

void dwarf_die_values(
	struct dwarf_die *die, const uint16_t *names, struct dwarf_value *values, size_t n)
{
	const struct dwarf_attribute *attributes = dwarf_abbrev_attributes(
		&die->unit->abbrevs, die->abbrev);

	memset(values, 0, n * sizeof(*values));
	for (size_t i = 0; i < die->abbrev->n; i++) {
		size_t j = 0;

		while (j < n && names[j] != attributes[i].name)
			j++;
		if (j < n)
			dwarf_value_read(die->unit, &attributes[i], &die->at, &values[j]);
		else
			dwarf_value_skip(die->unit, &attributes[i], &die->at);
	}
	if (die->at.is_bad)
		memset(values, 0, n * sizeof(*values));
}
