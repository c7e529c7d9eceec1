/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Values by form (DWARF 5, 7.5.6; GNU's split forms: "DebugFission", GCC wiki; dwz's: dwz(1)).
 * Indexed forms need the bases of their unit; in a split unit addresses are its skeleton's.
 */

#include <dwarf.h>
#include <errno.h>

#include "daemon/worker/dwarf-unit.h"

/* DW_FORM_indirect may lead to itself. */
#define INDIRECT_MAX 4

static uint64_t read_block_size(struct cfi_cursor *cursor, uint16_t form)
{
	switch (form) {
	case DW_FORM_block1:
		return cfi_read_fixed(cursor, 1);
	case DW_FORM_block2:
		return cfi_read_fixed(cursor, 2);
	case DW_FORM_block4:
		return cfi_read_fixed(cursor, 4);
	default:
		return cfi_read_uleb(cursor);
	}
}

static void read_variable(struct cfi_cursor *cursor, struct dwarf_value *value)
{
	const uint8_t *end;

	switch (value->form) {
	case DW_FORM_sdata:
		value->number = (uint64_t)cfi_read_sleb(cursor);
		return;
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		value->number = cfi_read_uleb(cursor);
		return;
	case DW_FORM_string:
		end = memchr(cursor->at, '\0', cfi_left(cursor));
		value->text = end ? cursor->at : NULL;
		cfi_skip(cursor, end ? (uint64_t)(end - cursor->at) + 1 : UINT64_MAX);
		return;
	case DW_FORM_block:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
	case DW_FORM_exprloc:
		cfi_skip(cursor, read_block_size(cursor, value->form));
		return;
	default:
		cfi_fail(cursor);
	}
}

void dwarf_value_read(const struct dwarf_unit *unit, const struct dwarf_attribute *attribute,
	struct cfi_cursor *cursor, struct dwarf_value *ret_value)
{
	struct dwarf_value value = {.form = attribute->form};
	uint8_t size = attribute->size;

	for (int i = 0; value.form == DW_FORM_indirect && i < INDIRECT_MAX; i++) {
		uint64_t form = cfi_read_uleb(cursor);

		value.form = form > UINT16_MAX ? 0 : (uint16_t)form;
		size = dwarf_form_size(value.form, &unit->sizes);
	}
	if (value.form == DW_FORM_implicit_const)
		value.number = (uint64_t)attribute->constant;
	else if (size == DWARF_SIZE_VARIABLE)
		read_variable(cursor, &value);
	else if (size <= 8)
		value.number = cfi_read_fixed(cursor, size);
	else
		cfi_skip(cursor, size);
	if (cursor->is_bad)
		value = (struct dwarf_value){};
	*ret_value = value;
}

void dwarf_value_skip(const struct dwarf_unit *unit, const struct dwarf_attribute *attribute,
	struct cfi_cursor *cursor)
{
	struct dwarf_value value;

	if (attribute->size != DWARF_SIZE_VARIABLE)
		cfi_skip(cursor, attribute->size);
	else
		dwarf_value_read(unit, attribute, cursor, &value);
}

/* Entry i of an array of offsets or addresses that begins at `base`; false: there is none. */
static bool read_indexed(struct dwarf_file *file, enum dwarf_section section, uint64_t base,
	uint64_t i, uint8_t size, uint64_t *ret_value)
{
	uint64_t n = dwarf_file_section(file, section).size;
	struct cfi_cursor cursor;

	if (i >= n)
		return false;
	cursor = dwarf_file_cursor(file, section, base);
	cfi_skip(&cursor, i * size);
	*ret_value = cfi_read_fixed(&cursor, size);
	return !cursor.is_bad;
}

const char *dwarf_value_text(struct dwarf_unit *unit, const struct dwarf_value *value)
{
	struct dwarf_file *file = unit->file;
	uint64_t offset;

	switch (value->form) {
	case DW_FORM_string:
		return (const char *)value->text;
	case DW_FORM_strp:
		return dwarf_file_text(file, DWARF_STR, value->number);
	case DW_FORM_line_strp:
		return dwarf_file_text(file, DWARF_LINE_STR, value->number);
	case DW_FORM_GNU_strp_alt:
	case DW_FORM_strp_sup:
		return file->alternate ? dwarf_file_text(file->alternate, DWARF_STR, value->number)
				       : NULL;
	case DW_FORM_strx:
	case DW_FORM_strx1:
	case DW_FORM_strx2:
	case DW_FORM_strx3:
	case DW_FORM_strx4:
	case DW_FORM_GNU_str_index:
		if (!read_indexed(file, DWARF_STR_OFFSETS, unit->str_offsets_base, value->number,
			    unit->sizes.offset_size, &offset))
			return NULL;
		return dwarf_file_text(file, DWARF_STR, offset);
	default:
		return NULL;
	}
}

bool dwarf_unit_address(struct dwarf_unit *unit, uint64_t i, uint64_t *ret_address)
{
	struct dwarf_unit *owner = unit->skeleton ? unit->skeleton : unit;

	return read_indexed(owner->file, DWARF_ADDR, owner->addr_base, i, owner->sizes.address_size,
		ret_address);
}

bool dwarf_value_address(
	struct dwarf_unit *unit, const struct dwarf_value *value, uint64_t *ret_address)
{
	switch (value->form) {
	case DW_FORM_addr:
		*ret_address = value->number;
		return true;
	case DW_FORM_addrx:
	case DW_FORM_addrx1:
	case DW_FORM_addrx2:
	case DW_FORM_addrx3:
	case DW_FORM_addrx4:
	case DW_FORM_GNU_addr_index:
		return dwarf_unit_address(unit, value->number, ret_address);
	default:
		return false;
	}
}

/* The unit around an offset of another unit's or another file's .debug_info. */
static int find_far(struct dwarf_file *file, uint64_t offset, struct dwarf_unit **ret_unit)
{
	struct dwarf_unit *unit;
	int r = file ? dwarf_file_units(file) : DWARF_UNIT_END;

	if (r)
		return r;
	unit = dwarf_file_unit_at(file, offset);
	if (!unit)
		return DWARF_UNIT_END;
	r = dwarf_unit_open(unit);
	if (!r)
		*ret_unit = unit;
	return r;
}

/* In a package the offset counts from the unit's share on. */
static int find_in_split(struct dwarf_unit *unit, uint64_t offset, struct dwarf_unit **ret_unit,
	uint64_t *ret_offset)
{
	offset += unit->shares[DWARF_INFO];
	if (offset < unit->first || offset >= unit->end)
		return DWARF_UNIT_END;
	*ret_unit = unit;
	*ret_offset = offset;
	return 0;
}

int dwarf_value_reference(struct dwarf_unit *unit, const struct dwarf_value *value,
	struct dwarf_unit **ret_unit, uint64_t *ret_offset)
{
	int r = 0;

	switch (value->form) {
	case DW_FORM_ref1:
	case DW_FORM_ref2:
	case DW_FORM_ref4:
	case DW_FORM_ref8:
	case DW_FORM_ref_udata:
		*ret_unit = unit;
		*ret_offset = unit->offset + value->number;
		return 0;
	case DW_FORM_ref_addr:
		if (unit->is_split)
			return find_in_split(unit, value->number, ret_unit, ret_offset);
		r = find_far(unit->file, value->number, ret_unit);
		break;
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_ref_sup4:
	case DW_FORM_ref_sup8:
		r = find_far(unit->file->alternate, value->number, ret_unit);
		break;
	default:
		return DWARF_UNIT_END;
	}
	if (!r)
		*ret_offset = value->number;
	return r;
}

uint32_t dwarf_value_small(const struct dwarf_value *value)
{
	return value->form && value->number <= INT32_MAX ? (uint32_t)value->number : 0;
}
