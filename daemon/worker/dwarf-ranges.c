/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lists of .debug_ranges (DWARF 4, 2.17.3) and .debug_rnglists (DWARF 5, 7.25). Code that the linker
 * threw away has address 0, or -1 or -2 for a tombstone. An iterator, since lists may be long and
 * shared by many entries: whoever walks limits its steps, of which one that finds nothing is one, too.
 */

#include "daemon/worker/dwarf-ranges.h"

#include <dwarf.h>

/* Where the list begins; false: nowhere. */
static bool find_list(struct dwarf_ranges *ranges, const struct dwarf_value *list)
{
	struct dwarf_unit *unit = ranges->unit;
	struct dwarf_file *file = unit->file;
	uint64_t offset = list->number;

	if (unit->sizes.version < 5) {
		/* GNU's split form keeps the lists with the skeleton. */
		if (unit->skeleton) {
			offset += unit->skeleton->ranges_base;
			file = unit->skeleton->file;
		}
		ranges->is_old = true;
		ranges->list = dwarf_file_cursor(file, DWARF_RANGES, offset);
		return true;
	}
	if (list->form == DW_FORM_rnglistx) {
		struct cfi_cursor index = dwarf_file_cursor(
			file, DWARF_RNGLISTS, unit->rnglists_base);

		if (offset > cfi_left(&index))
			return false;
		cfi_skip(&index, offset * unit->sizes.offset_size);
		offset = cfi_read_fixed(&index, unit->sizes.offset_size) + unit->rnglists_base;
		if (index.is_bad)
			return false;
	} else {
		offset += unit->shares[DWARF_RNGLISTS];
	}
	ranges->list = dwarf_file_cursor(file, DWARF_RNGLISTS, offset);
	return true;
}

void dwarf_ranges_init(struct dwarf_ranges *ranges, struct dwarf_unit *unit,
	const struct dwarf_value *low, const struct dwarf_value *high,
	const struct dwarf_value *list)
{
	const struct dwarf_unit *owner = unit->skeleton ? unit->skeleton : unit;

	*ranges = (struct dwarf_ranges){.unit = unit, .base = owner->low_pc, .n_left = UINT32_MAX};
	if (list->form) {
		if (!find_list(ranges, list))
			ranges->list = (struct cfi_cursor){};
		return;
	}
	if (!high->form || !dwarf_value_address(unit, low, &ranges->start))
		return;
	ranges->is_single = true;
	/* A constant is the size. */
	if (!dwarf_value_address(unit, high, &ranges->end))
		ranges->end = ranges->start + high->number;
}

/* 1: a range; 0: something else; -1: the end. */
static int next_old(struct dwarf_ranges *ranges)
{
	uint8_t size = ranges->unit->sizes.address_size;
	uint64_t max = size == 8 ? UINT64_MAX : UINT32_MAX;
	uint64_t start = cfi_read_fixed(&ranges->list, size);
	uint64_t end = cfi_read_fixed(&ranges->list, size);

	if (ranges->list.is_bad || (!start && !end))
		return -1;
	if (start == max) {
		ranges->base = end;
		return 0;
	}
	/* lld's tombstone within lists of this kind. */
	if (start >= max - 1)
		return 0;
	ranges->start = start + ranges->base;
	ranges->end = end + ranges->base;
	return 1;
}

static uint64_t read_index(struct dwarf_ranges *ranges)
{
	uint64_t address = 0;

	dwarf_unit_address(ranges->unit, cfi_read_uleb(&ranges->list), &address);
	return address;
}

static int next_new(struct dwarf_ranges *ranges)
{
	uint8_t size = ranges->unit->sizes.address_size;
	struct cfi_cursor *list = &ranges->list;

	switch (cfi_read_byte(list)) {
	case DW_RLE_base_addressx:
		ranges->base = read_index(ranges);
		return list->is_bad ? -1 : 0;
	case DW_RLE_startx_endx:
		ranges->start = read_index(ranges);
		ranges->end = read_index(ranges);
		break;
	case DW_RLE_startx_length:
		ranges->start = read_index(ranges);
		ranges->end = ranges->start + cfi_read_uleb(list);
		break;
	case DW_RLE_offset_pair:
		ranges->start = ranges->base + cfi_read_uleb(list);
		ranges->end = ranges->base + cfi_read_uleb(list);
		/* Of a base that was thrown away. */
		if (!ranges->base || ranges->base >= UINT64_MAX - 1)
			ranges->end = ranges->base ? 0 : ranges->end;
		break;
	case DW_RLE_base_address:
		ranges->base = cfi_read_fixed(list, size);
		return list->is_bad ? -1 : 0;
	case DW_RLE_start_end:
		ranges->start = cfi_read_fixed(list, size);
		ranges->end = cfi_read_fixed(list, size);
		break;
	case DW_RLE_start_length:
		ranges->start = cfi_read_fixed(list, size);
		ranges->end = ranges->start + cfi_read_uleb(list);
		break;
	default:
		return -1;
	}
	return list->is_bad ? -1 : 1;
}

bool dwarf_ranges_next(struct dwarf_ranges *ranges, uint64_t *ret_start, uint64_t *ret_end)
{
	while (ranges->n_left) {
		int r = 1;

		ranges->n_left--;
		if (ranges->is_single) {
			ranges->is_single = false;
			ranges->list = (struct cfi_cursor){};
		} else {
			r = ranges->is_old ? next_old(ranges) : next_new(ranges);
		}
		if (r < 0)
			return false;
		if (!r || !ranges->start || ranges->start >= ranges->end)
			continue;
		*ret_start = ranges->start;
		*ret_end = ranges->end;
		return true;
	}
	return false;
}
