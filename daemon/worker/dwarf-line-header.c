/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Until version 4 directories and files are two plain lists (DWARF 4, 6.2.4); version 5 describes
 * the fields of each list first. Lists are as long as their bytes allow: an entry takes at least
 * one, or there is none.
 */

#include "daemon/worker/dwarf-line-header.h"

#include <dwarf.h>
#include <errno.h>

#include "proto/base/array.h"

#define FIELDS_MAX 16

static const char *read_text(struct cfi_cursor *cursor)
{
	const uint8_t *start = cursor->at, *end = memchr(start, '\0', cfi_left(cursor));

	cfi_skip(cursor, end ? (uint64_t)(end - start) + 1 : UINT64_MAX);
	return end ? (const char *)start : NULL;
}

static int add_directory(struct dwarf_lines *lines, const char *name)
{
	int r = array_reserve(&lines->directories, &lines->n_directories_allocated,
		lines->n_directories + 1, sizeof(*lines->directories));

	if (!r)
		lines->directories[lines->n_directories++] = name;
	return r;
}

static int add_file(struct dwarf_lines *lines, const char *name, uint64_t directory)
{
	int r = array_reserve(&lines->files, &lines->n_files_allocated, lines->n_files + 1,
		sizeof(*lines->files));

	if (!r)
		lines->files[lines->n_files++] = (struct dwarf_line_file){
			.name = name, .directory = directory};
	return r;
}

int dwarf_line_header_add_file(struct dwarf_lines *lines, struct cfi_cursor *cursor)
{
	const char *name = read_text(cursor);
	uint64_t directory = cfi_read_uleb(cursor);

	cfi_read_uleb(cursor); /* time of modification */
	cfi_read_uleb(cursor); /* size */
	return cursor->is_bad ? 0 : add_file(lines, name, directory);
}

static int read_old_lists(struct cfi_cursor *cursor, struct dwarf_lines *lines)
{
	int r = 0;

	while (cfi_left(cursor) && *cursor->at && !r)
		r = add_directory(lines, read_text(cursor));
	cfi_read_byte(cursor);
	while (cfi_left(cursor) && *cursor->at && !r)
		r = dwarf_line_header_add_file(lines, cursor);
	return r;
}

struct list {
	struct dwarf_attribute fields[FIELDS_MAX];
	uint8_t n_fields;
};

static void read_fields(
	struct cfi_cursor *cursor, const struct dwarf_sizes *sizes, struct list *list)
{
	list->n_fields = cfi_read_byte(cursor);
	if (list->n_fields > FIELDS_MAX)
		cfi_fail(cursor);
	for (uint8_t i = 0; i < list->n_fields && !cursor->is_bad; i++) {
		uint64_t name = cfi_read_uleb(cursor), form = cfi_read_uleb(cursor);

		list->fields[i] = (struct dwarf_attribute){
			.name = name > UINT16_MAX ? 0 : (uint16_t)name,
			.form = form > UINT16_MAX ? 0 : (uint16_t)form,
		};
		list->fields[i].size = dwarf_form_size(list->fields[i].form, sizes);
	}
}

/* One list of version 5, of directories or of files. */
static int read_new_list(struct cfi_cursor *cursor, struct dwarf_unit *unit,
	struct dwarf_lines *lines, bool is_files)
{
	struct list list = {};
	uint64_t n;

	read_fields(cursor, &unit->sizes, &list);
	n = cfi_read_uleb(cursor);
	for (uint64_t i = 0; i < n && cfi_left(cursor); i++) {
		const uint8_t *before = cursor->at;
		const char *name = NULL;
		uint64_t directory = 0;
		int r;

		for (uint8_t j = 0; j < list.n_fields; j++) {
			struct dwarf_value value;

			dwarf_value_read(unit, &list.fields[j], cursor, &value);
			if (list.fields[j].name == DW_LNCT_path)
				name = dwarf_value_text(unit, &value);
			if (list.fields[j].name == DW_LNCT_directory_index)
				directory = value.number;
		}
		/* What takes no bytes may be there any number of times. */
		if (cursor->at == before || cursor->is_bad)
			break;
		r = is_files ? add_file(lines, name, directory) : add_directory(lines, name);
		if (r < 0)
			return r;
	}
	return 0;
}

static void read_parameters(struct cfi_cursor *cursor, struct dwarf_line_header *header)
{
	header->instruction_size = cfi_read_byte(cursor);
	if (header->version >= 4)
		cfi_read_byte(cursor); /* operations of an instruction: for VLIW machines */
	cfi_read_byte(cursor); /* is_stmt */
	header->line_base = (int8_t)cfi_read_byte(cursor);
	header->line_range = cfi_read_byte(cursor);
	header->opcode_base = cfi_read_byte(cursor);
	for (unsigned i = 1; i < header->opcode_base; i++)
		header->n_operands[i] = cfi_read_byte(cursor);
}

int dwarf_line_header_read(
	struct dwarf_unit *unit, struct dwarf_lines *lines, struct dwarf_line_header *ret_header)
{
	struct cfi_cursor cursor = dwarf_file_cursor(
		unit->file, DWARF_LINE, unit->lines + unit->shares[DWARF_LINE]);
	struct dwarf_line_header header = {};
	struct dwarf_unit own = *unit; /* forms have the sizes of this table */
	uint64_t length = cfi_read_fixed(&cursor, 4), header_length;
	int r = 0;

	own.sizes.offset_size = 4;
	if (length == UINT32_MAX) {
		length = cfi_read_fixed(&cursor, 8);
		own.sizes.offset_size = 8;
	}
	if (cursor.is_bad || length > cfi_left(&cursor))
		return DWARF_LINE_HEADER_BAD;
	cursor.end = cursor.at + length;
	header.version = own.sizes.version = (uint8_t)cfi_read_fixed(&cursor, 2);
	if (header.version < 2 || header.version > 5)
		return DWARF_LINE_HEADER_BAD;
	if (header.version >= 5)
		cfi_skip(&cursor, 2); /* sizes of addresses and segments */
	header_length = cfi_read_fixed(&cursor, own.sizes.offset_size);
	header.program = cursor;
	cfi_skip(&header.program, header_length);
	read_parameters(&cursor, &header);
	if (cursor.is_bad || header.program.is_bad || !header.line_range || !header.opcode_base)
		return DWARF_LINE_HEADER_BAD;
	if (header.version >= 5) {
		r = read_new_list(&cursor, &own, lines, false);
		if (!r)
			r = read_new_list(&cursor, &own, lines, true);
	} else {
		r = read_old_lists(&cursor, lines);
	}
	if (!r)
		*ret_header = header;
	return r;
}
