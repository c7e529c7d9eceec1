/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * libdw knows everything but answers by walking the tree for every question; here each compilation
 * unit that an address hits is walked once, and the ranges of its functions and of what was inlined
 * into them are kept, sorted. Names and attributes are asked of libdw only for what is found.
 *
 * Units are found by .debug_aranges; for an address that this section does not have (clang writes
 * none) the ranges of all units are read, once. Ranges of address 0 are of code that the linker
 * threw away.
 */

#include "daemon/worker/dwarf-index.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>

#include "daemon/worker/range-index.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* Deeper trees than this are not written by compilers. */
#define DEPTH_MAX 256

struct function {
	Dwarf_Off die;
	bool is_inlined;
};

struct unit {
	Dwarf_Off die;
	bool is_read, is_c_family;
	struct function *functions;
	size_t n_functions, n_functions_allocated;
	struct range_index ranges; /* id: index of a function */
};

struct dwarf_index {
	Dwarf *dwarf, *alternate;
	struct unit *units;
	size_t n_units, n_units_allocated;
	struct range_index aranges; /* id: index of a unit, from .debug_aranges */
	struct range_index unit_ranges; /* the same, from the units themselves */
	bool are_units_scanned;
};

static int add_unit(struct dwarf_index *index, Dwarf_Off die)
{
	int r = array_reserve(&index->units, &index->n_units_allocated, index->n_units + 1,
		sizeof(*index->units));

	if (r < 0)
		return r;
	index->units[index->n_units++] = (struct unit){.die = die};
	return 0;
}

/* The unit with that DIE: an offset that was added before, or a new one. Aranges of one unit stand
 * together as a rule, so that only the last is looked at. */
static int add_arange(struct dwarf_index *index, Dwarf_Arange *arange)
{
	Dwarf_Addr start;
	Dwarf_Word length;
	Dwarf_Off offset;
	Dwarf_Die die;
	int r;

	if (dwarf_getarangeinfo(arange, &start, &length, &offset) < 0 || !start)
		return 0;
	if (!dwarf_addrdie(index->dwarf, start, &die))
		return 0;
	offset = dwarf_dieoffset(&die);
	if (!index->n_units || index->units[index->n_units - 1].die != offset) {
		r = add_unit(index, offset);
		if (r < 0)
			return r;
	}
	return range_index_add(
		&index->aranges, start, start + length, (uint32_t)(index->n_units - 1), 0);
}

static int read_aranges(struct dwarf_index *index)
{
	Dwarf_Aranges *aranges;
	size_t n;

	if (dwarf_getaranges(index->dwarf, &aranges, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		Dwarf_Arange *arange = dwarf_onearange(aranges, i);
		int r = arange ? add_arange(index, arange) : 0;

		if (r < 0)
			return r;
	}
	range_index_seal(&index->aranges);
	return 0;
}

/* Calls for each range of a DIE; gives the number of ranges that count, or -ENOMEM. */
static int add_ranges(struct range_index *ranges, Dwarf_Die *die, uint32_t id, uint32_t depth)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t next = 0;
	int n = 0;

	while ((next = dwarf_ranges(die, next, &base, &start, &end)) > 0) {
		int r;

		if (!start || end <= start)
			continue;
		r = range_index_add(ranges, start, end, id, depth);
		if (r < 0)
			return r;
		n++;
	}
	return n;
}

static int scan_units(struct dwarf_index *index)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;

	index->are_units_scanned = true;
	while (!dwarf_get_units(index->dwarf, unit, &unit, NULL, &type, &die, NULL)) {
		int r;

		if (type != DW_UT_compile && type != DW_UT_partial && type != DW_UT_skeleton)
			continue;
		r = add_unit(index, dwarf_dieoffset(&die));
		if (r < 0)
			return r;
		r = add_ranges(&index->unit_ranges, &die, (uint32_t)(index->n_units - 1), 0);
		if (r < 0)
			return r;
	}
	range_index_seal(&index->unit_ranges);
	return 0;
}

static int find_unit(struct dwarf_index *index, uint64_t address, struct unit **ret_unit)
{
	size_t i = range_index_find(&index->aranges, address);

	if (i != RANGE_NONE) {
		*ret_unit = &index->units[index->aranges.ranges[i].id];
		return 0;
	}
	if (!index->are_units_scanned) {
		int r = scan_units(index);

		if (r < 0)
			return r;
	}
	i = range_index_find(&index->unit_ranges, address);
	*ret_unit = i == RANGE_NONE ? NULL : &index->units[index->unit_ranges.ranges[i].id];
	return 0;
}

static int add_function(struct unit *unit, Dwarf_Die *die, bool is_inlined, unsigned depth)
{
	int n, r;

	n = add_ranges(&unit->ranges, die, (uint32_t)unit->n_functions, depth);
	if (n <= 0)
		return n;
	r = array_reserve(&unit->functions, &unit->n_functions_allocated, unit->n_functions + 1,
		sizeof(*unit->functions));
	if (r < 0)
		return r;
	unit->functions[unit->n_functions++] = (struct function){
		.die = dwarf_dieoffset(die), .is_inlined = is_inlined};
	return 1;
}

/* Does code stand below a DIE with this tag? In C and C++ types hold declarations only. */
static bool may_hold_code(const struct unit *unit, int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_common_block:
		return true;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_enumeration_type:
		return !unit->is_c_family;
	default:
		return false;
	}
}

static int walk(struct unit *unit, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die die;

	if (depth > DEPTH_MAX || dwarf_child(parent, &die))
		return 0;
	do {
		int tag = dwarf_tag(&die), r;
		bool enters = may_hold_code(unit, tag);

		if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine) {
			r = add_function(unit, &die, tag == DW_TAG_inlined_subroutine, depth);
			if (r < 0)
				return r;
			enters = r;
		}
		r = enters ? walk(unit, &die, depth + 1) : 0;
		if (r < 0)
			return r;
	} while (!dwarf_siblingof(&die, &die));
	return 0;
}

static int read_unit(struct unit *unit, Dwarf_Die *die)
{
	int r;

	switch (dwarf_srclang(die)) {
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
		unit->is_c_family = true;
	}
	r = walk(unit, die, 0);
	if (r < 0)
		return r;
	range_index_seal(&unit->ranges);
	unit->is_read = true;
	return 0;
}

static const char *text_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, name, &attribute) ? dwarf_formstring(&attribute) : NULL;
}

static uint32_t number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value))
		return 0;
	return value > INT32_MAX ? 0 : (uint32_t)value;
}

static void describe_function(Dwarf_Die *die, struct dwarf_frame *frame)
{
	int line;

	frame->name = text_of(die, DW_AT_linkage_name);
	if (!frame->name)
		frame->name = text_of(die, DW_AT_MIPS_linkage_name);
	if (!frame->name)
		frame->name = dwarf_diename(die);
	if (!dwarf_decl_line(die, &line) && line > 0)
		frame->start_line = (uint32_t)line;
}

/* Where the code of an inlined function was called: a line of the frame around it. */
static void describe_call(Dwarf_Die *unit_die, Dwarf_Die *die, struct dwarf_frame *frame)
{
	uint32_t file = number_of(die, DW_AT_call_file);
	Dwarf_Files *files;
	size_t n;

	frame->line = number_of(die, DW_AT_call_line);
	if (!dwarf_getsrcfiles(unit_die, &files, &n) && file < n)
		frame->file = dwarf_filesrc(files, file, NULL, NULL);
}

static void describe_line(Dwarf_Die *unit_die, uint64_t address, struct dwarf_frame *frame)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit_die, address);
	int number;

	if (!line)
		return;
	frame->file = dwarf_linesrc(line, NULL, NULL);
	if (!dwarf_lineno(line, &number) && number > 0)
		frame->line = (uint32_t)number;
}

int dwarf_index_find(struct dwarf_index *index, uint64_t address, struct dwarf_chain *ret_chain)
{
	struct dwarf_chain *chain = ret_chain;
	struct unit *unit;
	Dwarf_Die unit_die;
	uint32_t last = UINT32_MAX;
	int r;

	chain->n = 0;
	r = find_unit(index, address, &unit);
	if (r < 0)
		return r;
	if (!unit || !dwarf_offdie(index->dwarf, unit->die, &unit_die))
		return 0;
	if (!unit->is_read) {
		r = read_unit(unit, &unit_die);
		if (r < 0)
			return r;
	}
	chain->frames[0] = (struct dwarf_frame){};
	describe_line(&unit_die, address, &chain->frames[0]);
	for (size_t i = range_index_find(&unit->ranges, address); i != RANGE_NONE;
		i = range_index_outer(&unit->ranges, i, address)) {
		const struct function *function = &unit->functions[unit->ranges.ranges[i].id];
		Dwarf_Die die;

		if (unit->ranges.ranges[i].id == last ||
			!dwarf_offdie(index->dwarf, function->die, &die))
			continue;
		last = unit->ranges.ranges[i].id;
		describe_function(&die, &chain->frames[chain->n++]);
		if (!function->is_inlined || chain->n == WORKER_CHAIN_MAX)
			return 0;
		chain->frames[chain->n] = (struct dwarf_frame){};
		describe_call(&unit_die, &die, &chain->frames[chain->n]);
	}
	/* No function around it: what is left is the line, without a name. */
	if (chain->frames[chain->n].file)
		chain->n++;
	return 0;
}

static void dwarf_index_freep(struct dwarf_index **index)
{
	dwarf_index_free(*index);
}

int dwarf_index_new(Elf *elf, Elf *alternate, struct dwarf_index **ret_index)
{
	CLEANUP(dwarf_index_freep) struct dwarf_index *index = calloc(1, sizeof(*index));
	int r;

	if (!index)
		return -ENOMEM;
	index->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!index->dwarf)
		return DWARF_INDEX_NONE;
	if (alternate)
		index->alternate = dwarf_begin_elf(alternate, DWARF_C_READ, NULL);
	if (index->alternate)
		dwarf_setalt(index->dwarf, index->alternate);
	r = read_aranges(index);
	if (r < 0)
		return r;
	*ret_index = TAKE(index);
	return 0;
}

struct dwarf_index *dwarf_index_free(struct dwarf_index *index)
{
	if (!index)
		return NULL;
	for (size_t i = 0; i < index->n_units; i++) {
		range_index_done(&index->units[i].ranges);
		free(index->units[i].functions);
	}
	free(index->units);
	range_index_done(&index->aranges);
	range_index_done(&index->unit_ranges);
	if (index->dwarf)
		dwarf_end(index->dwarf);
	if (index->alternate)
		dwarf_end(index->alternate);
	free(index);
	return NULL;
}
