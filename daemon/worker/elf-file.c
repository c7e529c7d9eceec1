/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Opening an ELF file with libelf, and the few questions that are put to it. Everything read is
 * hostile: libelf checks headers against the file's size, and we check what we take from them.
 * Segments are few in every file that a kernel loads; beyond ELF_SEGMENTS_MAX they are ignored.
 */

#include "daemon/worker/elf-file.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "proto/base/cleanup.h"

#define ELF_SEGMENTS_MAX 256

static void read_segment(struct elf_file *file, const GElf_Phdr *header)
{
	if (header->p_type == PT_GNU_EH_FRAME) {
		file->eh_frame_hdr = header->p_vaddr;
		file->eh_frame_hdr_size = header->p_memsz;
	}
	if (header->p_type != PT_LOAD || !(header->p_flags & PF_X))
		return;
	if (header->p_offset > file->size || header->p_vaddr + header->p_filesz < header->p_vaddr)
		return;
	file->segments[file->n_segments++] = (struct elf_segment){
		.offset = header->p_offset,
		.address = header->p_vaddr,
		.size = header->p_filesz < file->size - header->p_offset
			? header->p_filesz
			: file->size - header->p_offset,
	};
}

static int read_headers(struct elf_file *file)
{
	GElf_Ehdr header;
	size_t n;

	if (elf_kind(file->elf) != ELF_K_ELF || !gelf_getehdr(file->elf, &header))
		return ELF_FILE_BAD;
	/* Split DWARF comes in ET_REL. */
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN && header.e_type != ET_REL)
		return ELF_FILE_BAD;
	file->is_32bit = gelf_getclass(file->elf) == ELFCLASS32;
	if (elf_getphdrnum(file->elf, &n) < 0)
		return ELF_FILE_BAD;
	if (n > ELF_SEGMENTS_MAX)
		n = ELF_SEGMENTS_MAX;
	file->segments = calloc(n + 1, sizeof(*file->segments));
	if (!file->segments)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr program;

		if (gelf_getphdr(file->elf, (int)i, &program))
			read_segment(file, &program);
	}
	return 0;
}

int elf_file_open(int fd, struct elf_file **ret_file)
{
	CLEANUP(elf_file_closep) struct elf_file *file = calloc(1, sizeof(*file));
	struct stat stat;
	int r;

	if (!file) {
		closep(&fd);
		return -ENOMEM;
	}
	file->fd = fd;
	if (fstat(fd, &stat) < 0 || stat.st_size < EI_NIDENT)
		return ELF_FILE_BAD;
	file->size = (uint64_t)stat.st_size;
	elf_version(EV_CURRENT);
	file->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!file->elf)
		return ELF_FILE_BAD;
	r = read_headers(file);
	if (r)
		return r;
	*ret_file = TAKE(file);
	return 0;
}

int elf_file_open_bytes(uint8_t *bytes, size_t size, struct elf_file **ret_file)
{
	CLEANUP(elf_file_closep) struct elf_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file) {
		free(bytes);
		return -ENOMEM;
	}
	file->fd = -1;
	file->bytes = bytes;
	file->size = size;
	elf_version(EV_CURRENT);
	file->elf = elf_memory((char *)bytes, size);
	if (!file->elf)
		return ELF_FILE_BAD;
	r = read_headers(file);
	if (r)
		return r;
	*ret_file = TAKE(file);
	return 0;
}

void elf_file_forget_fd(struct elf_file *file)
{
	size_t size;

	if (elf_rawfile(file->elf, &size))
		closep(&file->fd);
}

struct elf_file *elf_file_close(struct elf_file *file)
{
	if (!file)
		return NULL;
	if (file->elf)
		elf_end(file->elf);
	closep(&file->fd);
	free(file->bytes);
	free(file->segments);
	free(file);
	return NULL;
}

void elf_file_closep(struct elf_file **file)
{
	elf_file_close(*file);
}

void elf_bytes_release(struct elf_bytes bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = ((uintptr_t)bytes.data + page - 1) & -page;
	uintptr_t end = ((uintptr_t)bytes.data + bytes.size) & -page;

	if (start < end)
		madvise((void *)start, end - start, MADV_DONTNEED);
}

bool elf_file_address(const struct elf_file *file, uint64_t offset, uint64_t *ret_address)
{
	for (size_t i = 0; i < file->n_segments; i++) {
		const struct elf_segment *segment = &file->segments[i];

		if (offset >= segment->offset && offset - segment->offset < segment->size) {
			*ret_address = offset - segment->offset + segment->address;
			return true;
		}
	}
	return false;
}

static Elf_Scn *find_section(const struct elf_file *file, const char *name, GElf_Shdr *ret_header)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names) < 0)
		return NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		const char *this_name;

		if (!gelf_getshdr(section, ret_header) || ret_header->sh_type == SHT_NOBITS)
			continue;
		this_name = elf_strptr(file->elf, names, ret_header->sh_name);
		if (this_name && !strcmp(this_name, name))
			return section;
	}
	return NULL;
}

bool elf_file_section_packed(const struct elf_file *file, const char *name,
	struct elf_bytes *ret_bytes, bool *ret_is_packed)
{
	GElf_Shdr header;
	Elf_Scn *section = find_section(file, name, &header);
	Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;

	if (!data || !data->d_buf || !data->d_size)
		return false;
	*ret_bytes = (struct elf_bytes){.data = data->d_buf, .size = data->d_size};
	*ret_is_packed = header.sh_flags & SHF_COMPRESSED;
	return true;
}

bool elf_file_section(const struct elf_file *file, const char *name, struct elf_bytes *ret_bytes,
	uint64_t *ret_address)
{
	GElf_Shdr header;
	Elf_Scn *section = find_section(file, name, &header);
	Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;

	if (!data || !data->d_buf || !data->d_size)
		return false;
	*ret_bytes = (struct elf_bytes){.data = data->d_buf, .size = data->d_size};
	if (ret_address)
		*ret_address = header.sh_addr;
	return true;
}

uint64_t elf_file_section_entry(const struct elf_file *file, const char *name)
{
	GElf_Shdr header;

	return find_section(file, name, &header) ? header.sh_entsize : 0;
}

bool elf_file_has_section(const struct elf_file *file, const char *name)
{
	GElf_Shdr header;

	return find_section(file, name, &header) && header.sh_size;
}

bool elf_file_at(const struct elf_file *file, uint64_t address, struct elf_bytes *ret_bytes)
{
	size_t n, size;
	const char *bytes = elf_rawfile(file->elf, &size);

	if (!bytes || elf_getphdrnum(file->elf, &n) < 0)
		return false;
	for (size_t i = 0; i < n && i < ELF_SEGMENTS_MAX; i++) {
		GElf_Phdr program;
		uint64_t offset, rest;

		if (!gelf_getphdr(file->elf, (int)i, &program) || program.p_type != PT_LOAD)
			continue;
		if (address < program.p_vaddr || address - program.p_vaddr >= program.p_filesz)
			continue;
		offset = program.p_offset + (address - program.p_vaddr);
		rest = program.p_filesz - (address - program.p_vaddr);
		if (offset < program.p_offset || offset >= size)
			continue;
		*ret_bytes = (struct elf_bytes){.data = (const uint8_t *)bytes + offset,
			.size = rest < size - offset ? rest : size - offset};
		return true;
	}
	return false;
}
