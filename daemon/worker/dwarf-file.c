/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sections by name, in four forms: as they are, with SHF_COMPRESSED, as .zdebug_…, and with .dwo at
 * the end. What is not packed is used where the file is mapped; its pages can be given back when a
 * unit has been read, so that a large file costs the memory of what is kept of it only.
 */

#include "daemon/worker/dwarf-file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "daemon/worker/dwarf-unit.h"
#include "daemon/worker/inflate.h"
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
	for (size_t i = 0; i < file->n_units; i++)
		dwarf_unit_done(&file->units[i]);
	free(file->units);
	for (int i = 0; i < N_DWARF_SECTIONS; i++)
		free(file->unpacked[i]);
	free(file);
	return NULL;
}

static void release(struct elf_bytes bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = ((uintptr_t)bytes.data + page - 1) & -page;
	uintptr_t end = ((uintptr_t)bytes.data + bytes.size) & -page;

	if (start < end)
		madvise((void *)start, end - start, MADV_DONTNEED);
}

/* Unpacks if need be; what fails leaves the section empty. */
static void load(struct dwarf_file *file, enum dwarf_section section)
{
	struct elf_bytes bytes, *to = &file->sections[section];
	uint8_t *data;
	size_t size;
	bool is_packed;
	char name[32];
	int r;

	section_name(section, ".debug_", file->is_split, name);
	if (elf_file_section_packed(file->elf, name, &bytes, &is_packed)) {
		if (!is_packed) {
			*to = bytes;
			return;
		}
		r = inflate_section(bytes, file->elf->is_32bit, &data, &size);
	} else {
		section_name(section, ".zdebug_", file->is_split, name);
		if (!elf_file_section_packed(file->elf, name, &bytes, &is_packed))
			return;
		r = inflate_zdebug(bytes, &data, &size);
	}
	if (r < 0)
		file->is_out_of_memory = true;
	if (r)
		return;
	release(bytes);
	file->unpacked[section] = data;
	*to = (struct elf_bytes){.data = data, .size = size};
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

int dwarf_file_units(struct dwarf_file *file)
{
	uint64_t size = dwarf_file_section(file, DWARF_INFO).size;

	if (file->are_units_read)
		return 0;
	for (uint64_t offset = 0; offset < size;) {
		struct dwarf_unit unit;
		int r = dwarf_unit_read(file, offset, &unit);

		if (r == DWARF_UNIT_END)
			break;
		offset = unit.end;
		if (r == DWARF_UNIT_UNKNOWN)
			continue;
		r = array_reserve(&file->units, &file->n_units_allocated, file->n_units + 1,
			sizeof(*file->units));
		if (r < 0)
			return r;
		file->units[file->n_units++] = unit;
	}
	file->are_units_read = true;
	return file->is_out_of_memory ? -ENOMEM : 0;
}

struct dwarf_unit *dwarf_file_unit_at(struct dwarf_file *file, uint64_t offset)
{
	size_t low = 0, high = file->n_units;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (file->units[middle].end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == file->n_units || offset < file->units[low].first)
		return NULL;
	return &file->units[low];
}

void dwarf_file_release(
	struct dwarf_file *file, enum dwarf_section section, uint64_t offset, uint64_t end)
{
	struct elf_bytes bytes = file->sections[section];

	if (file->unpacked[section] || end > bytes.size || offset >= end)
		return;
	release((struct elf_bytes){.data = bytes.data + offset, .size = end - offset});
}
