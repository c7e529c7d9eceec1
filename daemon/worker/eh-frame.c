/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where functions begin and end, from the frame description entries of .eh_frame: known even where
 * no symbol is. All entries are read once per file (some 15 ns each), which needs no trust in the
 * search table of .eh_frame_hdr; of that header only the pointer to .eh_frame is used, for files
 * without section headers. Format: Linux Standard Base Core 5.0, sections 10.5 and 10.6; pointer
 * encodings as in <dwarf.h> (DW_EH_PE_…). Every read is checked against the end of its record.
 */

#include "daemon/worker/eh-frame.h"

#include <dwarf.h>
#include <string.h>

#include "proto/base/cleanup.h"

/* A window on bytes that stand at an address; a read beyond its end sets is_bad and gives 0. */
struct cursor {
	const uint8_t *data;
	size_t position, end;
	uint64_t address; /* of data[0] */
	bool is_64bit, is_bad;
};

static uint64_t read_fixed(struct cursor *cursor, size_t size)
{
	uint64_t value = 0;

	if (cursor->is_bad || cursor->end - cursor->position < size) {
		cursor->is_bad = true;
		return 0;
	}
	memcpy(&value, cursor->data + cursor->position, size);
	cursor->position += size;
	return value;
}

static uint64_t read_uleb(struct cursor *cursor, bool is_signed)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint64_t byte = read_fixed(cursor, 1);

		value |= (byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (is_signed && (byte & 0x40) && shift + 7 < 64)
			value |= ~UINT64_C(0) << (shift + 7);
		return value;
	}
	cursor->is_bad = true;
	return 0;
}

static uint64_t read_format(struct cursor *cursor, unsigned format)
{
	switch (format) {
	case DW_EH_PE_absptr:
		return read_fixed(cursor, cursor->is_64bit ? 8 : 4);
	case DW_EH_PE_uleb128:
		return read_uleb(cursor, false);
	case DW_EH_PE_sleb128:
		return read_uleb(cursor, true);
	case DW_EH_PE_udata2:
		return read_fixed(cursor, 2);
	case DW_EH_PE_sdata2:
		return (uint64_t)(int16_t)read_fixed(cursor, 2);
	case DW_EH_PE_udata4:
		return read_fixed(cursor, 4);
	case DW_EH_PE_sdata4:
		return (uint64_t)(int32_t)read_fixed(cursor, 4);
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return read_fixed(cursor, 8);
	default:
		cursor->is_bad = true;
		return 0;
	}
}

/* Absolute and pc-relative pointers; the others do not occur for code in user space. */
static uint64_t read_pointer(struct cursor *cursor, unsigned encoding)
{
	uint64_t place = cursor->address + cursor->position;
	uint64_t value = read_format(cursor, encoding & 0x0f);

	switch (encoding & 0xf0) {
	case DW_EH_PE_absptr:
		break;
	case DW_EH_PE_pcrel:
		value += place;
		break;
	default:
		cursor->is_bad = true;
	}
	return cursor->is_64bit ? value : (uint32_t)value;
}

static void skip_augmentation(struct cursor *cursor, char letter, unsigned *encoding)
{
	switch (letter) {
	case 'R':
		*encoding = (unsigned)read_fixed(cursor, 1);
		break;
	case 'L':
		read_fixed(cursor, 1);
		break;
	case 'P': {
		unsigned personality = (unsigned)read_fixed(cursor, 1);

		read_format(cursor, personality & 0x0f);
		break;
	}
	case 'S':
	case 'B':
		break;
	default:
		cursor->is_bad = true;
	}
}

/* How addresses are written in the entries of the CIE at `position`; false: cannot be told. */
static bool read_cie(const struct cursor *all, size_t position, unsigned *ret_encoding)
{
	struct cursor cursor = *all;
	unsigned version, encoding = DW_EH_PE_absptr;
	const char *augmentation;
	uint64_t length;
	size_t n;

	cursor.position = position;
	cursor.is_bad = position >= all->end;
	length = read_fixed(&cursor, 4);
	if (length == UINT32_MAX)
		length = read_fixed(&cursor, 8);
	if (cursor.is_bad || length > cursor.end - cursor.position)
		return false;
	cursor.end = cursor.position + length;
	if (read_fixed(&cursor, 4) != 0)
		return false;
	version = (unsigned)read_fixed(&cursor, 1);
	augmentation = (const char *)cursor.data + cursor.position;
	n = cursor.is_bad ? 0 : strnlen(augmentation, cursor.end - cursor.position);
	if (cursor.is_bad || n == cursor.end - cursor.position)
		return false;
	cursor.position += n + 1;
	if (*augmentation == 'z') {
		read_uleb(&cursor, false); /* code alignment */
		read_uleb(&cursor, true); /* data alignment */
		if (version == 1)
			read_fixed(&cursor, 1); /* return address column */
		else
			read_uleb(&cursor, false);
		read_uleb(&cursor, false); /* length of what follows */
		for (size_t i = 1; i < n && !cursor.is_bad; i++)
			skip_augmentation(&cursor, augmentation[i], &encoding);
	}
	*ret_encoding = encoding;
	return !cursor.is_bad;
}

/* The cursor stands behind the CIE pointer of an FDE. */
static int read_fde(struct cursor *cursor, unsigned encoding, struct range_index *index)
{
	uint64_t start = read_pointer(cursor, encoding);
	uint64_t size = read_format(cursor, encoding & 0x0f);

	if (cursor->is_bad || !start || start + size < start)
		return 0;
	return range_index_add(index, start, start + size, 0, 0);
}

int eh_frame_add_bytes(
	struct elf_bytes bytes, uint64_t address, bool is_64bit, struct range_index *index)
{
	struct cursor all = {
		.data = bytes.data, .end = bytes.size, .address = address, .is_64bit = is_64bit};
	size_t known_cie = SIZE_MAX;
	unsigned encoding = 0;
	bool is_known = false;
	int r;

	for (;;) {
		uint64_t length = read_fixed(&all, 4), id;
		struct cursor record;
		size_t id_position;

		if (length == UINT32_MAX)
			length = read_fixed(&all, 8);
		if (all.is_bad || !length || length > all.end - all.position)
			return 0;
		record = all;
		record.end = all.position + length;
		id_position = record.position;
		id = read_fixed(&record, 4);
		all.position += length;
		if (record.is_bad || !id || id > id_position)
			continue;
		if (known_cie != id_position - id) {
			known_cie = id_position - id;
			is_known = read_cie(&all, known_cie, &encoding);
		}
		if (!is_known)
			continue;
		r = read_fde(&record, encoding, index);
		if (r < 0)
			return r;
	}
}

/* .eh_frame by the pointer in .eh_frame_hdr: version, three encodings, the pointer. */
static bool find_by_header(
	const struct elf_file *file, struct elf_bytes *ret_bytes, uint64_t *ret_address)
{
	struct elf_bytes header;
	struct cursor cursor;
	unsigned encoding;

	if (!file->eh_frame_hdr || !elf_file_at(file, file->eh_frame_hdr, &header))
		return false;
	cursor = (struct cursor){.data = header.data,
		.end = header.size,
		.address = file->eh_frame_hdr,
		.is_64bit = !file->is_32bit};
	if (read_fixed(&cursor, 1) != 1)
		return false;
	encoding = (unsigned)read_fixed(&cursor, 1);
	read_fixed(&cursor, 2);
	*ret_address = read_pointer(&cursor, encoding);
	return !cursor.is_bad && elf_file_at(file, *ret_address, ret_bytes);
}

int eh_frame_add(const struct elf_file *file, struct range_index *index)
{
	struct elf_bytes bytes;
	uint64_t address;

	if (!elf_file_section(file, ".eh_frame", &bytes, &address) &&
		!find_by_header(file, &bytes, &address))
		return 0;
	return eh_frame_add_bytes(bytes, address, !file->is_32bit, index);
}
