/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A table is read once for its unit. The sizes of values are worked out here, so that passing over
 * an entry, which is what is done to nearly all of them, is one addition where all are fixed.
 */

#include "daemon/worker/dwarf-abbrev.h"

#include <dwarf.h>
#include <stdlib.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* More attributes than compilers give to any kind of entry. */
#define ATTRIBUTES_MAX 256
#define TABLE_MAX (1u << 20)

uint8_t dwarf_form_size(uint16_t form, const struct dwarf_sizes *sizes)
{
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	case DW_FORM_data1:
	case DW_FORM_flag:
	case DW_FORM_ref1:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
	case DW_FORM_ref_sup4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup8:
		return 8;
	case DW_FORM_data16:
		return 16;
	case DW_FORM_addr:
		return sizes->address_size;
	case DW_FORM_ref_addr:
		return sizes->version < 3 ? sizes->address_size : sizes->offset_size;
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strp_sup:
	case DW_FORM_sec_offset:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		return sizes->offset_size;
	default:
		return DWARF_SIZE_VARIABLE;
	}
}

/* 1: an attribute was added; 0: the list has ended. */
static int read_attribute(struct dwarf_abbrevs *abbrevs, struct cfi_cursor *cursor,
	const struct dwarf_sizes *sizes, struct dwarf_abbrev *abbrev)
{
	uint64_t name = cfi_read_uleb(cursor), form = cfi_read_uleb(cursor);
	struct dwarf_attribute attribute = {.name = (uint16_t)name, .form = (uint16_t)form};
	int r;

	if (form == DW_FORM_implicit_const)
		attribute.constant = cfi_read_sleb(cursor);
	if ((!name && !form) || cursor->is_bad)
		return 0;
	if (name > UINT16_MAX)
		attribute.name = 0;
	if (form > UINT16_MAX || abbrev->n == ATTRIBUTES_MAX)
		return (int)cfi_fail(cursor);
	attribute.size = dwarf_form_size(attribute.form, sizes);
	r = array_reserve(&abbrevs->attributes, &abbrevs->n_attributes_allocated,
		abbrevs->n_attributes + 1, sizeof(attribute));
	if (r < 0)
		return r;
	abbrevs->attributes[abbrevs->n_attributes++] = attribute;
	abbrev->n++;
	if (attribute.size == DWARF_SIZE_VARIABLE)
		abbrev->fixed_size = UINT32_MAX;
	else if (abbrev->fixed_size != UINT32_MAX)
		abbrev->fixed_size += attribute.size;
	if (attribute.name == DW_AT_low_pc || attribute.name == DW_AT_ranges)
		abbrev->has_code = true;
	if (attribute.name == DW_AT_sibling)
		abbrev->has_sibling = true;
	return 1;
}

static int read_abbrev(struct dwarf_abbrevs *abbrevs, struct cfi_cursor *cursor,
	const struct dwarf_sizes *sizes, uint64_t code)
{
	struct dwarf_abbrev abbrev = {.code = code, .first = (uint32_t)abbrevs->n_attributes};
	uint64_t tag = cfi_read_uleb(cursor);
	int r;

	abbrev.tag = tag > UINT16_MAX ? 0 : (uint16_t)tag;
	abbrev.has_children = cfi_read_byte(cursor) == DW_CHILDREN_yes;
	do {
		r = read_attribute(abbrevs, cursor, sizes, &abbrev);
		if (r < 0)
			return r;
	} while (r);
	if (cursor->is_bad)
		return 0;
	r = array_reserve(&abbrevs->abbrevs, &abbrevs->n_allocated, abbrevs->n + 1, sizeof(abbrev));
	if (r < 0)
		return r;
	abbrevs->abbrevs[abbrevs->n++] = abbrev;
	return 0;
}

int dwarf_abbrevs_read(struct cfi_cursor cursor, const struct dwarf_sizes *sizes, uint64_t until,
	struct dwarf_abbrevs *ret_abbrevs)
{
	CLEANUP(dwarf_abbrevs_done) struct dwarf_abbrevs abbrevs = {};
	uint64_t code;

	while ((code = cfi_read_uleb(&cursor)) && abbrevs.n < TABLE_MAX) {
		int r = read_abbrev(&abbrevs, &cursor, sizes, code);

		if (r < 0)
			return r;
		if (code == until)
			break;
	}
	*ret_abbrevs = abbrevs;
	abbrevs = (struct dwarf_abbrevs){};
	return 0;
}

void dwarf_abbrevs_done(struct dwarf_abbrevs *abbrevs)
{
	free(abbrevs->abbrevs);
	free(abbrevs->attributes);
	*abbrevs = (struct dwarf_abbrevs){};
}

const struct dwarf_abbrev *dwarf_abbrevs_search(const struct dwarf_abbrevs *abbrevs, uint64_t code)
{
	size_t low = 0, high = abbrevs->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (abbrevs->abbrevs[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == abbrevs->n || abbrevs->abbrevs[low].code != code || !code)
		return NULL;
	return &abbrevs->abbrevs[low];
}
