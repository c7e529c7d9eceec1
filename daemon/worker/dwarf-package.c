/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The index is a hash table of ids (8 bytes each), a parallel table of row numbers (4 bytes each),
 * and a table of rows: the first row names the sections of the columns, row n the offsets of unit n
 * in them. Tables are searched where they stand, every read is checked against their end.
 */

#include "daemon/worker/dwarf-package.h"

#define COLUMNS_MAX 16

struct package_index {
	struct cfi_cursor tables; /* from the hash table on */
	uint32_t version, n_columns, n_units, n_slots;
};

static bool read_index(struct dwarf_file *package, struct package_index *ret_index)
{
	struct cfi_cursor cursor = dwarf_file_cursor(package, DWARF_CU_INDEX, 0);
	struct package_index index = {};

	/* Version 5 is two bytes and two of padding, version 2 was four. */
	index.version = (uint32_t)cfi_read_fixed(&cursor, 4);
	index.n_columns = (uint32_t)cfi_read_fixed(&cursor, 4);
	index.n_units = (uint32_t)cfi_read_fixed(&cursor, 4);
	index.n_slots = (uint32_t)cfi_read_fixed(&cursor, 4);
	if (cursor.is_bad || (index.version != 2 && index.version != 5) || !index.n_slots ||
		(index.n_slots & (index.n_slots - 1)) || index.n_columns > COLUMNS_MAX)
		return false;
	index.tables = cursor;
	*ret_index = index;
	return true;
}

static uint64_t read_at(const struct package_index *index, uint64_t offset, size_t size)
{
	struct cfi_cursor cursor = index->tables;

	cfi_skip(&cursor, offset);
	return cfi_read_fixed(&cursor, size);
}

/* The row of an id, from 1; 0: none. The hash is open, its step odd, so that it meets every slot. */
static uint32_t find_row(const struct package_index *index, uint64_t id)
{
	uint64_t mask = index->n_slots - 1, slot = id & mask, step = ((id >> 32) & mask) | 1;

	for (uint32_t i = 0; i < index->n_slots; i++) {
		uint32_t row = (uint32_t)read_at(index, (uint64_t)index->n_slots * 8 + slot * 4, 4);

		if (!row || row > index->n_units)
			return 0;
		if (read_at(index, slot * 8, 8) == id)
			return row;
		slot = (slot + step) & mask;
	}
	return 0;
}

/* What a column is of: the numbers of version 5 and of version 2 differ. */
static enum dwarf_section column_section(uint32_t version, uint32_t number)
{
	switch (number) {
	case 1:
		return DWARF_INFO;
	case 3:
		return DWARF_ABBREV;
	case 4:
		return DWARF_LINE;
	case 6:
		return DWARF_STR_OFFSETS;
	case 8:
		return version == 5 ? DWARF_RNGLISTS : N_DWARF_SECTIONS;
	default:
		return N_DWARF_SECTIONS;
	}
}

int dwarf_package_find(struct dwarf_file *package, uint64_t id, struct dwarf_unit *ret_unit)
{
	uint64_t shares[N_DWARF_SECTIONS] = {}, rows;
	struct package_index index;
	struct dwarf_unit unit;
	uint32_t row;

	if (!read_index(package, &index))
		return DWARF_PACKAGE_NONE;
	row = find_row(&index, id);
	if (!row)
		return DWARF_PACKAGE_NONE;
	rows = (uint64_t)index.n_slots * 12;
	for (uint64_t i = 0; i < index.n_columns; i++) {
		enum dwarf_section section = column_section(
			index.version, (uint32_t)read_at(&index, rows + i * 4, 4));
		uint64_t at = rows + ((uint64_t)row * index.n_columns + i) * 4;

		if (section != N_DWARF_SECTIONS)
			shares[section] = read_at(&index, at, 4);
	}
	if (dwarf_unit_read(package, shares[DWARF_INFO], &unit))
		return DWARF_PACKAGE_NONE;
	memcpy(unit.shares, shares, sizeof(unit.shares));
	*ret_unit = unit;
	return 0;
}
