/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Abbreviations: which attributes, in which forms, the entries of a unit have (DWARF 5, 7.5.3). */

#include "daemon/worker/cfi-cursor.h"

#define DWARF_SIZE_VARIABLE 0xff

struct dwarf_attribute {
	uint16_t name, form;
	uint8_t size; /* of its value, or DWARF_SIZE_VARIABLE */
	int64_t constant; /* of DW_FORM_implicit_const */
};

struct dwarf_abbrev {
	uint64_t code; /* 0: none */
	uint32_t first, n; /* of the table's attributes */
	uint32_t fixed_size; /* of all values together, UINT32_MAX: it varies */
	uint16_t tag;
	bool has_children;
	bool has_code; /* low_pc or ranges is among them */
	bool has_sibling;
};

struct dwarf_abbrevs {
	struct dwarf_abbrev *abbrevs; /* [code] as far as codes are small, else in order */
	size_t n, n_allocated;
	struct dwarf_attribute *attributes;
	size_t n_attributes, n_attributes_allocated;
};

/* Sizes that forms depend on. */
struct dwarf_sizes {
	uint8_t version, address_size, offset_size;
};

/* The size of a form's value in bytes, or DWARF_SIZE_VARIABLE (also for forms that are unknown). */
uint8_t dwarf_form_size(uint16_t form, const struct dwarf_sizes *sizes);

/* Reads a table to its end, or until it has `until` (0: to its end). 0 or -ENOMEM; what is malformed
 * ends it. */
int dwarf_abbrevs_read(struct cfi_cursor cursor, const struct dwarf_sizes *sizes, uint64_t until,
	struct dwarf_abbrevs *ret_abbrevs);
void dwarf_abbrevs_done(struct dwarf_abbrevs *abbrevs);

const struct dwarf_abbrev *dwarf_abbrevs_search(const struct dwarf_abbrevs *abbrevs, uint64_t code);

/* NULL: there is no such code. */
static inline const struct dwarf_abbrev *dwarf_abbrevs_find(
	const struct dwarf_abbrevs *abbrevs, uint64_t code)
{
	/* Compilers count from 1. */
	if (code && code <= abbrevs->n && abbrevs->abbrevs[code - 1].code == code)
		return &abbrevs->abbrevs[code - 1];
	return dwarf_abbrevs_search(abbrevs, code);
}

/* The first of its n attributes. */
static inline const struct dwarf_attribute *dwarf_abbrev_attributes(
	const struct dwarf_abbrevs *abbrevs, const struct dwarf_abbrev *abbrev)
{
	return abbrev->n ? abbrevs->attributes + abbrev->first : NULL;
}
