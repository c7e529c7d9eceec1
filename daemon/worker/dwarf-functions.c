/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Entries stand in the order of their tree, so that a walk is one pass over the bytes with a count
 * of the depth: no recursion, whatever the nesting. Nearly all entries are passed over. Those below
 * a type or a function without code are not looked at: the sibling reference, where there is one
 * that leads forwards, jumps over them, else they are passed over one by one.
 *
 * A list of ranges may be shared by many entries of a hostile file: the ranges of one unit are
 * limited, and what is beyond them has no function.
 */

#include "daemon/worker/dwarf-functions.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "daemon/worker/dwarf-ranges.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

#define RANGES_MAX (1u << 22)
/* From a concrete function to its abstract one, to its declaration: two as a rule. */
#define HOPS_MAX 16

struct walk {
	struct dwarf_unit *unit;
	struct dwarf_functions *functions;
	struct cfi_cursor at;
	const uint8_t *start; /* of the unit's header */
	uint32_t depth;
	uint32_t passed_depth; /* all that is deeper is passed over; UINT32_MAX: none */
	uint32_t n_ranges_left;
	bool is_c_family;
};

static bool is_c_family(uint16_t language)
{
	switch (language) {
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
		return true;
	default:
		return false;
	}
}

/* Does code stand below an entry with this tag? In C and C++ types hold declarations only. */
static bool may_hold_code(const struct walk *walk, unsigned tag)
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
		return !walk->is_c_family;
	default:
		return false;
	}
}

/* Moves behind the values of an entry; gives its reference to the sibling, if it has one. */
static void pass_values(
	struct walk *walk, const struct dwarf_abbrev *abbrev, struct dwarf_value *sibling)
{
	const struct dwarf_attribute *attributes = dwarf_abbrev_attributes(
		&walk->unit->abbrevs, abbrev);

	sibling->form = 0;
	if (abbrev->fixed_size != UINT32_MAX && !abbrev->has_sibling) {
		cfi_skip(&walk->at, abbrev->fixed_size);
		return;
	}
	for (uint32_t i = 0; i < abbrev->n; i++) {
		if (attributes[i].name == DW_AT_sibling)
			dwarf_value_read(walk->unit, &attributes[i], &walk->at, sibling);
		else
			dwarf_value_skip(walk->unit, &attributes[i], &walk->at);
	}
}

/* Ranges of a function with code; returns how many count. */
static int add_ranges(struct walk *walk, const struct dwarf_value *values)
{
	struct dwarf_functions *functions = walk->functions;
	struct dwarf_ranges ranges;
	uint64_t start, end;
	int n = 0;

	dwarf_ranges_init(&ranges, walk->unit, &values[0], &values[1], &values[2]);
	ranges.n_left = walk->n_ranges_left;
	while (dwarf_ranges_next(&ranges, &start, &end)) {
		int r = range_index_add(
			&functions->ranges, start, end, (uint32_t)functions->n, walk->depth);

		if (r < 0)
			return r;
		n++;
	}
	walk->n_ranges_left = ranges.n_left;
	return n;
}

enum function_value { VALUE_LOW, VALUE_HIGH, VALUE_RANGES, VALUE_SIBLING, N_VALUES };

/* 1: there is code below; else 0 or -ENOMEM. */
static int add_function(struct walk *walk, const struct dwarf_abbrev *abbrev, uint64_t die,
	struct dwarf_value *sibling)
{
	static const uint16_t names[N_VALUES] = {
		DW_AT_low_pc, DW_AT_high_pc, DW_AT_ranges, DW_AT_sibling};
	struct dwarf_functions *functions = walk->functions;
	struct dwarf_die entry = {.unit = walk->unit, .abbrev = abbrev, .at = walk->at};
	struct dwarf_value values[N_VALUES];
	int r;

	dwarf_die_values(&entry, names, values, N_VALUES);
	walk->at = entry.at;
	*sibling = values[VALUE_SIBLING];
	r = add_ranges(walk, values);
	if (r <= 0)
		return r;
	r = array_reserve(&functions->functions, &functions->n_allocated, functions->n + 1,
		sizeof(*functions->functions));
	if (r < 0)
		return r;
	functions->functions[functions->n++] = (struct dwarf_function){
		.die = (uint32_t)die, .is_inlined = abbrev->tag == DW_TAG_inlined_subroutine};
	return 1;
}

static bool is_function(const struct dwarf_abbrev *abbrev)
{
	return abbrev->has_code &&
		(abbrev->tag == DW_TAG_subprogram || abbrev->tag == DW_TAG_inlined_subroutine);
}

/* What is below this entry is of no interest: jumps over it, or begins to pass it over. */
static void pass_children(struct walk *walk, const struct dwarf_value *sibling)
{
	struct dwarf_unit *unit;
	uint64_t to;

	if (sibling->form && sibling->form != DW_FORM_ref_addr &&
		!dwarf_value_reference(walk->unit, sibling, &unit, &to) && unit == walk->unit &&
		to - unit->offset > (uint64_t)(walk->at.at - walk->start) && to <= unit->end) {
		walk->at.at = walk->start + (to - unit->offset);
		return;
	}
	walk->depth++;
	if (walk->passed_depth == UINT32_MAX)
		walk->passed_depth = walk->depth;
}

/* One entry, or the end of a list of them. */
static int step(struct walk *walk)
{
	uint64_t die = (uint64_t)(walk->at.at - walk->start);
	uint64_t code = cfi_read_uleb(&walk->at);
	bool is_passed = walk->passed_depth != UINT32_MAX, enters;
	const struct dwarf_abbrev *abbrev;
	struct dwarf_value sibling;
	int r;

	if (!code) {
		if (walk->depth && --walk->depth < walk->passed_depth)
			walk->passed_depth = UINT32_MAX;
		return 0;
	}
	abbrev = dwarf_abbrevs_find(&walk->unit->abbrevs, code);
	if (!abbrev)
		return (int)cfi_fail(&walk->at);
	enters = !is_passed && may_hold_code(walk, abbrev->tag);
	if (!is_passed && is_function(abbrev) && die <= UINT32_MAX) {
		r = add_function(walk, abbrev, die, &sibling);
		if (r < 0)
			return r;
		enters = r;
	} else {
		pass_values(walk, abbrev, &sibling);
	}
	if (!abbrev->has_children)
		return 0;
	if (enters)
		walk->depth++;
	else
		pass_children(walk, &sibling);
	return 0;
}

int dwarf_functions_read(struct dwarf_unit *unit, struct dwarf_functions *ret_functions)
{
	CLEANUP(dwarf_functions_done) struct dwarf_functions functions = {};
	struct elf_bytes info = dwarf_file_section(unit->file, DWARF_INFO);
	struct walk walk = {
		.unit = unit,
		.functions = &functions,
		.at = {.at = info.data + unit->first, .end = info.data + unit->end},
		.start = info.data + unit->offset,
		.passed_depth = UINT32_MAX,
		.n_ranges_left = RANGES_MAX,
		.is_c_family = is_c_family(unit->language),
	};
	struct dwarf_value none;
	const struct dwarf_abbrev *root = dwarf_abbrevs_find(
		&unit->abbrevs, cfi_read_uleb(&walk.at));
	int r = 0;

	if (root && root->has_children) {
		pass_values(&walk, root, &none);
		while (cfi_left(&walk.at) && !r)
			r = step(&walk);
	}
	if (r < 0)
		return r;
	range_index_seal(&functions.ranges);
	array_trim(&functions.functions, &functions.n_allocated, functions.n,
		sizeof(*functions.functions));
	*ret_functions = functions;
	functions = (struct dwarf_functions){};
	return 0;
}

void dwarf_functions_done(struct dwarf_functions *functions)
{
	free(functions->functions);
	free(functions->descriptions);
	range_index_done(&functions->ranges);
	*functions = (struct dwarf_functions){};
}

enum described {
	DESCRIBED_LINKAGE_NAME,
	DESCRIBED_OLD_LINKAGE_NAME,
	DESCRIBED_NAME,
	DESCRIBED_LINE,
	DESCRIBED_CALL_FILE,
	DESCRIBED_CALL_LINE,
	DESCRIBED_ORIGIN,
	DESCRIBED_SPECIFICATION,
	N_DESCRIBED,
};

static const uint16_t described_names[N_DESCRIBED] = {
	[DESCRIBED_LINKAGE_NAME] = DW_AT_linkage_name,
	[DESCRIBED_OLD_LINKAGE_NAME] = DW_AT_MIPS_linkage_name,
	[DESCRIBED_NAME] = DW_AT_name,
	[DESCRIBED_LINE] = DW_AT_decl_line,
	[DESCRIBED_CALL_FILE] = DW_AT_call_file,
	[DESCRIBED_CALL_LINE] = DW_AT_call_line,
	[DESCRIBED_ORIGIN] = DW_AT_abstract_origin,
	[DESCRIBED_SPECIFICATION] = DW_AT_specification,
};

static int look_up(
	struct dwarf_unit *unit, uint64_t offset, struct dwarf_description *ret_description)
{
	struct dwarf_description description = {};
	const char *linkage_name = NULL;
	struct dwarf_value values[N_DESCRIBED];
	struct dwarf_die die;
	int r = 0;

	for (int hop = 0; hop < HOPS_MAX && !r && !linkage_name; hop++) {
		if (!dwarf_die_read(unit, offset, &die))
			break;
		dwarf_die_values(&die, described_names, values, N_DESCRIBED);
		if (!hop) {
			description.call_file = dwarf_value_small(&values[DESCRIBED_CALL_FILE]);
			description.call_line = dwarf_value_small(&values[DESCRIBED_CALL_LINE]);
		}
		linkage_name = dwarf_value_text(unit, &values[DESCRIBED_LINKAGE_NAME]);
		if (!linkage_name)
			linkage_name = dwarf_value_text(unit, &values[DESCRIBED_OLD_LINKAGE_NAME]);
		if (!description.name)
			description.name = dwarf_value_text(unit, &values[DESCRIBED_NAME]);
		if (!description.start_line)
			description.start_line = dwarf_value_small(&values[DESCRIBED_LINE]);
		r = dwarf_value_reference(unit,
			&values[values[DESCRIBED_ORIGIN].form ? DESCRIBED_ORIGIN
							      : DESCRIBED_SPECIFICATION],
			&unit, &offset);
	}
	if (r < 0)
		return r;
	if (linkage_name)
		description.name = linkage_name;
	*ret_description = description;
	return 0;
}

int dwarf_function_describe(struct dwarf_unit *unit, struct dwarf_functions *functions, uint32_t id,
	const struct dwarf_description **ret_description)
{
	struct dwarf_function *function = &functions->functions[id];
	size_t i = functions->n_descriptions ? functions->n_descriptions : 1;
	int r;

	if (!function->described) {
		r = array_reserve(&functions->descriptions, &functions->n_descriptions_allocated,
			i + 1, sizeof(*functions->descriptions));
		if (!r)
			r = look_up(
				unit, unit->offset + function->die, &functions->descriptions[i]);
		if (r < 0)
			return r;
		functions->n_descriptions = i + 1;
		function->described = (uint32_t)i;
	}
	*ret_description = &functions->descriptions[function->described];
	return 0;
}
