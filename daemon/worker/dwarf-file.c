/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sections by name, in four forms: as they are, with SHF_COMPRESSED, as .zdebug_…, and with .dwo at
 * the end. What is not packed is used where the file is mapped; its pages can be given back when a
 * unit has been read, so that a large file costs the memory of what is kept of it only.
 *
 * .debug_info is the largest, and is read from its begin to its end: where it is packed it is read
 * while it is being unpacked. No unit of it is known before all its bytes are there.
 */

#include "daemon/worker/dwarf-file.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>

#include "daemon/worker/dwarf-unit.h"
#include "daemon/worker/unpacker.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

static const char *const names[N_DWARF_SECTIONS] = {
	[DWARF_INFO] = "info",
	[DWARF_ABBREV] = "abbrev",
	[DWARF_STR] = "str",
	[DWARF_STR_OFFSETS] = "str_offsets",
	[DWARF_LINE_STR] = "line_str",
	[DWARF_LINE] = "line",
	[DWARF_ADDR] = "addr",
	[DWARF_RANGES] = "ranges",
	[DWARF_RNGLISTS] = "rnglists",
	[DWARF_CU_INDEX] = "cu_index",
};

static const uint8_t nowhere;

static void section_name(enum dwarf_section section, const char *prefix, bool is_split, char *name)
{
	snprintf(name, 32, "%s%s%s", prefix, names[section],
		is_split && section != DWARF_CU_INDEX ? ".dwo" : "");
}

bool dwarf_file_has(const struct elf_file *elf, bool is_split)
{
	char name[32];

	section_name(DWARF_INFO, ".debug_", is_split, name);
	if (elf_file_has_section(elf, name))
		return true;
	section_name(DWARF_INFO, ".zdebug_", is_split, name);
	return elf_file_has_section(elf, name);
}

struct dwarf_file *dwarf_file_new(const struct elf_file *elf, bool is_split)
{
	struct dwarf_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->elf = elf;
	file->is_split = is_split;
	/* Even an empty section has a place to count from. */
	for (int i = 0; i < N_DWARF_SECTIONS; i++)
		file->sections[i].data = &nowhere;
	return file;
}

struct dwarf_file *dwarf_file_free(struct dwarf_file *file)
{
	if (!file)
		return NULL;
	for (size_t i = 0; i < file->n_units; i++) {
		dwarf_unit_done(file->units[i]);
		free(file->units[i]);
	}
	free(file->units);
	unpacking_free(file->unpacking);
	for (int i = 0; i < N_DWARF_SECTIONS; i++)
		free(file->unpacked[i]);
	free(file);
	return NULL;
}

/* A section's bytes as they stand in the file. */
enum form { FORM_NONE, FORM_PLAIN, FORM_PACKED, FORM_OLD_PACKED };

static enum form find_bytes(
	const struct dwarf_file *file, enum dwarf_section section, struct elf_bytes *ret_bytes)
{
	bool is_packed;
	char name[32];

	section_name(section, ".debug_", file->is_split, name);
	if (elf_file_section_packed(file->elf, name, ret_bytes, &is_packed))
		return is_packed ? FORM_PACKED : FORM_PLAIN;
	section_name(section, ".zdebug_", file->is_split, name);
	return elf_file_section_packed(file->elf, name, ret_bytes, &is_packed) ? FORM_OLD_PACKED
									       : FORM_NONE;
}

static int unpack(
	struct dwarf_file *file, enum dwarf_section section, const struct inflate_source *source)
{
	uint8_t *data;
	int r;

	if (section == DWARF_INFO && source->type == ELFCOMPRESS_ZLIB) {
		r = unpacking_new(source, &file->unpacking);
		if (!r)
			file->sections[section] = unpacking_bytes(file->unpacking);
		return r;
	}
	r = inflate_all(source, &data);
	if (r)
		return r;
	file->unpacked[section] = data;
	file->sections[section] = (struct elf_bytes){.data = data, .size = source->size};
	if (source->is_mapped)
		elf_bytes_release(source->packed);
	return 0;
}

/* Unpacks if need be; what fails leaves the section empty. */
static void load(struct dwarf_file *file, enum dwarf_section section)
{
	struct inflate_source source;
	struct elf_bytes bytes;
	enum form form = find_bytes(file, section, &bytes);
	int r;

	if (form == FORM_PLAIN)
		file->sections[section] = bytes;
	if (form == FORM_PLAIN || form == FORM_NONE)
		return;
	r = form == FORM_PACKED ? inflate_read_section(bytes, file->elf->is_32bit, &source)
				: inflate_read_zdebug(bytes, &source);
	source.is_mapped = !file->elf->bytes;
	if (!r)
		r = unpack(file, section, &source);
	if (r < 0)
		file->is_out_of_memory = true;
}

struct elf_bytes dwarf_file_section(struct dwarf_file *file, enum dwarf_section section)
{
	if (!file->is_loaded[section]) {
		file->is_loaded[section] = true;
		load(file, section);
	}
	return file->sections[section];
}

struct cfi_cursor dwarf_file_cursor(
	struct dwarf_file *file, enum dwarf_section section, uint64_t offset)
{
	struct elf_bytes bytes = dwarf_file_section(file, section);
	struct cfi_cursor cursor = {.at = bytes.data, .end = bytes.data + bytes.size};

	cfi_skip(&cursor, offset);
	return cursor;
}

const char *dwarf_file_text(struct dwarf_file *file, enum dwarf_section section, uint64_t offset)
{
	struct elf_bytes bytes = dwarf_file_section(file, section);

	if (offset >= bytes.size || !memchr(bytes.data + offset, '\0', bytes.size - offset))
		return NULL;
	return (const char *)bytes.data + offset;
}

int dwarf_file_next_unit(struct dwarf_file *file)
{
	struct dwarf_unit *unit;
	int r;

	if (file->next_unit == UINT64_MAX)
		return DWARF_FILE_END;
	do {
		struct dwarf_unit read;

		r = DWARF_UNIT_END;
		if (file->next_unit < dwarf_file_section(file, DWARF_INFO).size)
			r = dwarf_unit_read(file, file->next_unit, &read);
		if (r == DWARF_UNIT_END) {
			file->next_unit = UINT64_MAX;
			return file->is_out_of_memory ? -ENOMEM : DWARF_FILE_END;
		}
		file->next_unit = read.end;
		if (r == DWARF_UNIT_UNKNOWN)
			continue;
		r = array_reserve(&file->units, &file->n_units_allocated, file->n_units + 1,
			sizeof(*file->units));
		unit = r < 0 ? NULL : malloc(sizeof(*unit));
		if (!unit)
			return -ENOMEM;
		*unit = read;
		file->units[file->n_units++] = unit;
	} while (r == DWARF_UNIT_UNKNOWN);
	return 0;
}

int dwarf_file_units(struct dwarf_file *file)
{
	int r;

	do
		r = dwarf_file_next_unit(file);
	while (!r);
	return r == DWARF_FILE_END ? 0 : r;
}

struct dwarf_unit *dwarf_file_unit_at(struct dwarf_file *file, uint64_t offset)
{
	size_t low = 0, high = file->n_units;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (file->units[middle]->end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == file->n_units || offset < file->units[low]->first)
		return NULL;
	return file->units[low];
}

void dwarf_file_release(
	struct dwarf_file *file, enum dwarf_section section, uint64_t offset, uint64_t end)
{
	struct elf_bytes bytes = file->sections[section];

	if (file->unpacked[section] || (section == DWARF_INFO && file->unpacking) ||
		end > bytes.size || offset >= end)
		return;
	elf_bytes_release((struct elf_bytes){.data = bytes.data + offset, .size = end - offset});
}

void dwarf_file_wait(struct dwarf_file *file, uint64_t end)
{
	if (file->unpacking)
		unpacking_wait(file->unpacking, end);
}

bool dwarf_file_is_unpacking(const struct dwarf_file *file)
{
	return file->unpacking && !unpacking_is_over(file->unpacking);
}
