/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The DWARF sections of one ELF file, unpacked when they are first asked for, and its units. */

#include "daemon/worker/cfi-cursor.h"
#include "daemon/worker/elf-file.h"

enum dwarf_section {
	DWARF_INFO,
	DWARF_ABBREV,
	DWARF_STR,
	DWARF_STR_OFFSETS,
	DWARF_LINE_STR,
	DWARF_LINE,
	DWARF_ADDR,
	DWARF_RANGES,
	DWARF_RNGLISTS,
	DWARF_CU_INDEX,
	N_DWARF_SECTIONS,
};

struct dwarf_unit;
struct unpacking;

struct dwarf_file {
	const struct elf_file *elf; /* borrowed */
	bool is_split; /* a .dwo or .dwp: the sections are those named *.dwo */
	struct dwarf_file *alternate; /* dwz's, borrowed, or NULL */
	struct elf_bytes sections[N_DWARF_SECTIONS];
	uint8_t *unpacked[N_DWARF_SECTIONS];
	struct unpacking *unpacking; /* of .debug_info, if that is done beside the reading */
	bool is_loaded[N_DWARF_SECTIONS];
	struct dwarf_unit **units; /* by offset, each where it stays; see dwarf_file_next_unit */
	size_t n_units, n_units_allocated;
	uint64_t next_unit; /* offset */
	bool is_out_of_memory; /* a section could not be unpacked: what is not found may be there */
};

/* Does the file have .debug_info (is_split: .debug_info.dwo)? */
bool dwarf_file_has(const struct elf_file *elf, bool is_split);

/* NULL without memory. */
struct dwarf_file *dwarf_file_new(const struct elf_file *elf, bool is_split);
struct dwarf_file *dwarf_file_free(struct dwarf_file *file);

/* Empty where there is none, or none that can be unpacked. */
struct elf_bytes dwarf_file_section(struct dwarf_file *file, enum dwarf_section section);

/* A cursor from an offset of a section on; one that is bad where that is beyond its end. */
struct cfi_cursor dwarf_file_cursor(
	struct dwarf_file *file, enum dwarf_section section, uint64_t offset);

/* The text at an offset of a section, or NULL: it must end within it. */
const char *dwarf_file_text(struct dwarf_file *file, enum dwarf_section section, uint64_t offset);

#define DWARF_FILE_END 1 /* `units` is complete */

/* Reads the header of one more unit, and adds it to `units`. 0, DWARF_FILE_END, or -ENOMEM. */
int dwarf_file_next_unit(struct dwarf_file *file);
/* All that are left. 0 or -ENOMEM. */
int dwarf_file_units(struct dwarf_file *file);
/* The unit with that offset of .debug_info within, or NULL. After dwarf_file_units. */
struct dwarf_unit *dwarf_file_unit_at(struct dwarf_file *file, uint64_t offset);

/* Waits until .debug_info is unpacked up to there: before a unit is read, and until its end. */
void dwarf_file_wait(struct dwarf_file *file, uint64_t end);
/* Is the end of .debug_info still to come? */
bool dwarf_file_is_unpacking(const struct dwarf_file *file);

/* Gives back the pages of the file from which these bytes came; they are read again if needed. */
void dwarf_file_release(
	struct dwarf_file *file, enum dwarf_section section, uint64_t offset, uint64_t end);
