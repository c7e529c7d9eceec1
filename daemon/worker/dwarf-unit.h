/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One unit of .debug_info, its entries (DIEs) and the values of their attributes, DWARF 2 to 5 with
 * GNU's split forms of version 4. What does not make sense reads as absent.
 */

#include "daemon/worker/dwarf-abbrev.h"
#include "daemon/worker/dwarf-file.h"

struct dwarf_value {
	uint16_t form; /* 0: absent */
	uint64_t number; /* whatever the form holds: constant, address, offset, index */
	const uint8_t *text; /* of DW_FORM_string: where it stands */
};

struct dwarf_unit {
	struct dwarf_file *file;
	uint64_t offset, first, end; /* of the header, the root entry, and the end */
	struct dwarf_sizes sizes;
	uint8_t type; /* DW_UT_… */
	uint64_t abbrev_offset;
	uint64_t id; /* of a split unit and its skeleton */
	bool is_split; /* of a .dwo or .dwp */
	bool is_root_read, is_open; /* open: all abbreviations are there */
	bool has_low_pc, has_lines;
	struct dwarf_value root_ranges[3]; /* its low_pc, high_pc and ranges */
	/* From the root entry. */
	uint16_t language;
	uint64_t low_pc, str_offsets_base, addr_base, rnglists_base, ranges_base, lines;
	const char *name, *directory, *split_name;
	struct dwarf_abbrevs abbrevs;
	/* Of a split unit: its skeleton, which has addresses and lines. */
	struct dwarf_unit *skeleton;
	/* In a package: where this unit's share of each section begins. */
	uint64_t shares[N_DWARF_SECTIONS];
};

#define DWARF_UNIT_END 1 /* no further unit can be found */
#define DWARF_UNIT_UNKNOWN 2 /* a version or type not known; ret_unit->end is good */

/* The header at an offset. */
int dwarf_unit_read(struct dwarf_file *file, uint64_t offset, struct dwarf_unit *ret_unit);
void dwarf_unit_done(struct dwarf_unit *unit);

/* Reads the root entry, once. 0 or -ENOMEM; what is missing stays 0. */
int dwarf_unit_read_root(struct dwarf_unit *unit);
/* The same, and the abbreviations of all entries. */
int dwarf_unit_open(struct dwarf_unit *unit);

/* An entry: its attributes' values follow at the cursor. */
struct dwarf_die {
	struct dwarf_unit *unit;
	const struct dwarf_abbrev *abbrev;
	struct cfi_cursor at;
};

/* The entry at an offset of .debug_info in an open unit; false: there is none. */
bool dwarf_die_read(struct dwarf_unit *unit, uint64_t offset, struct dwarf_die *ret_die);

/* Reads the value of an attribute and moves on. An unknown form makes the cursor bad. */
void dwarf_value_read(const struct dwarf_unit *unit, const struct dwarf_attribute *attribute,
	struct cfi_cursor *cursor, struct dwarf_value *ret_value);
void dwarf_value_skip(const struct dwarf_unit *unit, const struct dwarf_attribute *attribute,
	struct cfi_cursor *cursor);

/* Picks values of an entry: values[i] is that of names[i]. Leaves the cursor behind the entry. */
void dwarf_die_values(
	struct dwarf_die *die, const uint16_t *names, struct dwarf_value *values, size_t n);

/* NULL: none. The text lives as long as the file. */
const char *dwarf_value_text(struct dwarf_unit *unit, const struct dwarf_value *value);
bool dwarf_value_address(
	struct dwarf_unit *unit, const struct dwarf_value *value, uint64_t *ret_address);
/* Address number i of .debug_addr. */
bool dwarf_unit_address(struct dwarf_unit *unit, uint64_t i, uint64_t *ret_address);
/* Where a reference leads to. 0, -ENOMEM, or DWARF_UNIT_END: nowhere. The unit is open. */
int dwarf_value_reference(struct dwarf_unit *unit, const struct dwarf_value *value,
	struct dwarf_unit **ret_unit, uint64_t *ret_offset);
/* A constant that must not be larger than INT32_MAX; else 0. */
uint32_t dwarf_value_small(const struct dwarf_value *value);
