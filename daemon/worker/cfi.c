/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One pass over the section from its start, which needs no search table. FDEs name their CIE by its
 * position; a file has few of them, or each stands right before its FDEs, so a small cache that is
 * indexed by position serves both, and a budget bounds what a hostile order can cost. A record that
 * makes no sense is passed over as long as its length does; every read ends at its record's end.
 */

#include "daemon/worker/cfi.h"

#include <dwarf.h>

#include "daemon/worker/cfi-program.h"

#define CIE_BYTES_PER_SECTION_BYTE 8

struct record {
	struct cfi_cursor body; /* behind the id */
	size_t position;
	uint64_t id;
	size_t id_position;
	bool is_64bit;
};

static uint64_t read_format(struct cfi_cursor *cursor, unsigned format)
{
	switch (format) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return cfi_read_fixed(cursor, 8);
	case DW_EH_PE_uleb128:
		return cfi_read_uleb(cursor);
	case DW_EH_PE_sleb128:
		return (uint64_t)cfi_read_sleb(cursor);
	case DW_EH_PE_udata2:
		return cfi_read_fixed(cursor, 2);
	case DW_EH_PE_sdata2:
		return (uint64_t)(int16_t)cfi_read_fixed(cursor, 2);
	case DW_EH_PE_udata4:
		return cfi_read_fixed(cursor, 4);
	case DW_EH_PE_sdata4:
		return (uint64_t)(int32_t)cfi_read_fixed(cursor, 4);
	default:
		return cfi_fail(cursor);
	}
}

uint64_t cfi_read_pointer(
	const struct cfi_section *section, struct cfi_cursor *cursor, uint8_t encoding)
{
	uint64_t place = section->address + (uint64_t)(cursor->at - section->data);
	uint64_t value = read_format(cursor, encoding & 0x0f);

	switch (encoding & 0xf0) {
	case DW_EH_PE_absptr:
		return value;
	case DW_EH_PE_pcrel:
		return value + place;
	case DW_EH_PE_textrel:
		return section->text_base ? value + section->text_base : cfi_fail(cursor);
	case DW_EH_PE_datarel:
		return section->data_base ? value + section->data_base : cfi_fail(cursor);
	default:
		return cfi_fail(cursor);
	}
}

/* Length and id of the record at a position; *ret_next is where the one behind it begins. False:
 * no record is there. In .eh_frame the id has four bytes whatever the length has. */
static bool read_record(const struct cfi_section *section, size_t position,
	struct record *ret_record, size_t *ret_next)
{
	struct cfi_cursor cursor = {
		.at = section->data + position, .end = section->data + section->size};
	uint64_t length = cfi_read_fixed(&cursor, 4);
	bool is_64bit = length == UINT32_MAX;

	if (is_64bit)
		length = cfi_read_fixed(&cursor, 8);
	if (cursor.is_bad || length > cfi_left(&cursor))
		return false;
	cursor.end = cursor.at + length;
	*ret_next = (size_t)(cursor.end - section->data);
	*ret_record = (struct record){.position = position, .is_64bit = is_64bit};
	ret_record->id_position = (size_t)(cursor.at - section->data);
	ret_record->id = cfi_read_fixed(&cursor, section->is_debug_frame && is_64bit ? 8 : 4);
	ret_record->body = cursor;
	return true;
}

static bool is_cie(const struct cfi_section *section, const struct record *record)
{
	if (!section->is_debug_frame)
		return record->id == 0;
	return record->id == (record->is_64bit ? UINT64_MAX : UINT32_MAX);
}

/* What one letter of a "z" augmentation says; false for one that we do not know, since what it
 * puts before the others would be misread. */
static bool read_letter(struct cfi_cursor *cursor, char letter, struct cfi_cie *cie)
{
	switch (letter) {
	case 'R':
		cie->pointer_encoding = cfi_read_byte(cursor);
		return true;
	case 'L':
		cfi_read_byte(cursor);
		return true;
	case 'P': {
		uint8_t encoding = cfi_read_byte(cursor);

		read_format(cursor, encoding & 0x0f);
		return true;
	}
	case 'S':
		cie->is_signal = true;
		return true;
	case 'B': /* no data, and nothing that matters here */
		return true;
	default:
		return false;
	}
}

static bool read_augmentation(struct cfi_cursor *cursor, const char *letters, struct cfi_cie *cie)
{
	struct cfi_cursor data;

	if (letters[0] != 'z')
		return !letters[0] || !strcmp(letters, "eh");
	cie->has_augmentation_size = true;
	data = cfi_read_block(cursor);
	for (const char *letter = letters + 1; *letter && !data.is_bad; letter++) {
		if (!read_letter(&data, *letter, cie))
			return false;
	}
	return !data.is_bad;
}

/* All of a CIE up to its program, at which the cursor is left. False: unreadable. */
static bool read_cie_head(
	const struct cfi_section *section, struct cfi_cursor *cursor, struct cfi_cie *cie)
{
	uint8_t version = cfi_read_byte(cursor);
	const char *letters = (const char *)cursor->at;
	const uint8_t *nul = cfi_left(cursor) ? memchr(cursor->at, 0, cfi_left(cursor)) : NULL;
	uint64_t return_column;

	if (!nul || (version != 1 && version != 3 && version != 4))
		return false;
	cursor->at = nul + 1;
	if (!strcmp(letters, "eh"))
		cfi_skip(cursor, 8);
	if (version == 4 &&
		cfi_read_fixed(cursor, 2) != 8) /* address size 8, no segment selector */
		return false;
	cie->code_alignment = cfi_read_uleb(cursor);
	cie->data_alignment = cfi_read_sleb(cursor);
	return_column = version == 1 ? cfi_read_byte(cursor) : cfi_read_uleb(cursor);
	if (cursor->is_bad || return_column != CFI_RA)
		return false;
	if (!read_augmentation(cursor, letters, cie))
		return false;
	return !cursor->is_bad && !(cie->pointer_encoding & DW_EH_PE_indirect);
}

static const struct cfi_cie *find_cie(struct cfi_reader *reader, size_t position)
{
	struct cfi_cie *cie = &reader->cache[(position ^ position >> 3) & (CFI_CIES_CACHED - 1)];
	struct record record;
	size_t next;

	if (cie->is_cached && cie->position == position)
		return cie;
	*cie = (struct cfi_cie){.position = position, .is_cached = true, .is_bad = true};
	if (!read_record(reader->section, position, &record, &next) ||
		!is_cie(reader->section, &record) || reader->budget < next - position)
		return cie;
	reader->budget -= next - position;
	cie->is_bad = !read_cie_head(reader->section, &record.body, cie);
	if (!cie->is_bad)
		cie->is_bad_program = !cfi_program_initial(reader->section, record.body, cie);
	return cie;
}

static size_t cie_position(const struct cfi_section *section, const struct record *record)
{
	if (section->is_debug_frame)
		return record->id < section->size ? (size_t)record->id : SIZE_MAX;
	return record->id <= record->id_position ? record->id_position - (size_t)record->id
						 : SIZE_MAX;
}

static bool read_fde(struct cfi_reader *reader, struct record *record, struct cfi_fde *ret_fde)
{
	const struct cfi_section *section = reader->section;
	struct cfi_cursor *body = &record->body;
	size_t position = cie_position(section, record);
	struct cfi_fde fde = {0};

	if (body->is_bad || position == SIZE_MAX)
		return false;
	fde.cie = find_cie(reader, position);
	if (fde.cie->is_bad)
		return false;
	fde.start = cfi_read_pointer(section, body, fde.cie->pointer_encoding);
	fde.size = read_format(body, fde.cie->pointer_encoding & 0x0f);
	if (fde.cie->has_augmentation_size)
		cfi_read_block(body);
	fde.program = *body;
	*ret_fde = fde;
	return !body->is_bad;
}

void cfi_reader_init(struct cfi_reader *reader, const struct cfi_section *section)
{
	*reader = (struct cfi_reader){.section = section};
	reader->budget = (uint64_t)section->size * CIE_BYTES_PER_SECTION_BYTE;
}

bool cfi_next(struct cfi_reader *reader, struct cfi_fde *ret_fde)
{
	const struct cfi_section *section = reader->section;
	struct record record;

	while (reader->position < section->size &&
		read_record(section, reader->position, &record, &reader->position)) {
		if (record.id_position == reader->position) { /* the terminator: length 0 */
			if (section->is_open_ended)
				break;
			continue;
		}
		if (record.body.is_bad || is_cie(section, &record))
			continue;
		reader->n_fdes++;
		if (read_fde(reader, &record, ret_fde))
			return true;
		reader->n_bad_fdes++;
	}
	reader->position = section->size;
	return false;
}
