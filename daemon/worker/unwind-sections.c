/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Finding a file's call frame information: .eh_frame by its section header, or by the pointer in
 * the header that PT_GNU_EH_FRAME names; .debug_frame of the file and of its separate debug file,
 * which may be compressed (SHF_COMPRESSED, or GNU's older .zdebug_frame). What a compressed section
 * says about its size is checked before memory is spent on it.
 */

#include "daemon/worker/unwind-table.h"

#include <errno.h>
#include <gelf.h>

#include "daemon/worker/go-file.h"

struct sections {
	struct cfi_section sections[UNWIND_SECTIONS_MAX];
	size_t n;
};

static bool find_section(const struct elf_file *file, const char *name, Elf_Scn **ret_section)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names) < 0)
		return false;
	while ((section = elf_nextscn(file->elf, section))) {
		GElf_Shdr header;
		const char *this_name;

		if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS)
			continue;
		this_name = elf_strptr(file->elf, names, header.sh_name);
		if (this_name && !strcmp(this_name, name)) {
			*ret_section = section;
			return true;
		}
	}
	return false;
}

/* Bytes of a .zdebug section: "ZLIB", then the size with the most significant byte first. */
static uint64_t gnu_size(Elf_Scn *section)
{
	const Elf_Data *data = elf_rawdata(section, NULL);
	uint64_t size = 0;

	if (!data || !data->d_buf || data->d_size < 12)
		return UINT64_MAX;
	for (size_t i = 4; i < 12; i++)
		size = size << 8 | ((const uint8_t *)data->d_buf)[i];
	return size;
}

/* 0, UNWIND_TOO_LARGE, or UNWIND_NONE where it cannot be decompressed. */
static int decompress(Elf_Scn *section, bool is_gnu)
{
	GElf_Shdr header;
	GElf_Chdr compression;
	uint64_t size;

	if (!gelf_getshdr(section, &header))
		return UNWIND_NONE;
	if (!is_gnu && !(header.sh_flags & SHF_COMPRESSED))
		return 0;
	if (is_gnu)
		size = gnu_size(section);
	else
		size = gelf_getchdr(section, &compression) ? compression.ch_size : UINT64_MAX;
	if (size > UNWIND_SECTION_BYTES_MAX)
		return UNWIND_TOO_LARGE;
	if ((is_gnu ? elf_compress_gnu(section, 0, 0) : elf_compress(section, 0, 0)) < 0)
		return UNWIND_NONE;
	return 0;
}

static int add_debug_frame(struct sections *sections, const struct elf_file *file)
{
	Elf_Scn *section = NULL;
	Elf_Data *data;
	bool is_gnu = false;
	int r;

	if (!find_section(file, ".debug_frame", &section)) {
		is_gnu = find_section(file, ".zdebug_frame", &section);
		if (!is_gnu)
			return 0;
	}
	r = decompress(section, is_gnu);
	if (r)
		return r == UNWIND_NONE ? 0 : r;
	data = elf_rawdata(section, NULL);
	if (data && data->d_buf && data->d_size)
		sections->sections[sections->n++] = (struct cfi_section){
			.data = data->d_buf, .size = data->d_size, .is_debug_frame = true};
	return 0;
}

/* .eh_frame_hdr: a version, three encodings, the pointer to .eh_frame. */
static bool find_by_header(const struct elf_file *file, struct cfi_section *ret_section)
{
	struct elf_bytes bytes;
	struct cfi_section header;
	struct cfi_cursor cursor;
	uint8_t encoding;
	uint64_t address;

	if (!file->eh_frame_hdr || !elf_file_at(file, file->eh_frame_hdr, &bytes))
		return false;
	header = (struct cfi_section){
		.data = bytes.data, .size = bytes.size, .address = file->eh_frame_hdr};
	header.data_base = header.address;
	cursor = (struct cfi_cursor){.at = bytes.data, .end = bytes.data + bytes.size};
	if (cfi_read_byte(&cursor) != 1)
		return false;
	encoding = cfi_read_byte(&cursor);
	cfi_skip(&cursor, 2);
	address = cfi_read_pointer(&header, &cursor, encoding);
	if (cursor.is_bad || !elf_file_at(file, address, &bytes))
		return false;
	*ret_section = (struct cfi_section){
		.data = bytes.data, .size = bytes.size, .address = address, .is_open_ended = true};
	return true;
}

static void add_eh_frame(struct sections *sections, const struct elf_file *file)
{
	struct cfi_section *section = &sections->sections[sections->n];
	struct elf_bytes bytes;
	uint64_t address;

	if (elf_file_section(file, ".eh_frame", &bytes, &address)) {
		*section = (struct cfi_section){
			.data = bytes.data, .size = bytes.size, .address = address};
		sections->n++;
	} else if (find_by_header(file, section)) {
		sections->n++;
	}
}

int unwind_table_compile(const struct elf_file *file, const struct elf_file *debug_file,
	struct unwind_table *ret_table)
{
	struct sections sections = {0};
	struct unwind_input input;
	struct go_code go;
	GElf_Ehdr header;
	size_t image_size = 0;
	int r;

	if (file->size > UINT32_MAX)
		return UNWIND_TOO_LARGE;
	if (!gelf_getehdr(file->elf, &header) || header.e_machine != EM_X86_64 || file->is_32bit ||
		header.e_ident[EI_DATA] != ELFDATA2LSB)
		return UNWIND_FOREIGN;
	add_eh_frame(&sections, file);
	r = add_debug_frame(&sections, file);
	if (!r && debug_file)
		r = add_debug_frame(&sections, debug_file);
	if (r)
		return r;
	input = (struct unwind_input){
		.image = (const uint8_t *)elf_rawfile(file->elf, &image_size),
		.sections = sections.sections,
		.n_sections = sections.n,
		.segments = file->segments,
		.n_segments = file->n_segments,
		.file_size = file->size,
		.entry = header.e_entry,
		.go = go_file_find(file, &go) ? &go : NULL,
	};
	if (image_size < file->size)
		input.image = NULL;
	return unwind_table_build(&input, ret_table);
}
