/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One ELF file behind a descriptor: its executable segments and a view of its sections. */

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_segment {
	uint64_t offset, address, size;
};

struct elf_file {
	int fd; /* -1: bytes in memory, or forgotten */
	uint8_t *bytes; /* or NULL */
	uint64_t size; /* bytes of the file */
	Elf *elf;
	bool is_32bit;
	struct elf_segment *segments; /* PT_LOAD with PF_X */
	size_t n_segments;
	uint64_t eh_frame_hdr, eh_frame_hdr_size; /* address, from PT_GNU_EH_FRAME; 0: none */
};

/* Some bytes of the file; valid while it is open. */
struct elf_bytes {
	const uint8_t *data;
	size_t size;
};

#define ELF_FILE_BAD 1 /* not an ELF file that makes sense */

/* Takes the fd in every case. 0, ELF_FILE_BAD, or -ENOMEM. */
int elf_file_open(int fd, struct elf_file **ret_file);
/* The same of bytes in memory, which it takes (from malloc) in every case. */
int elf_file_open_bytes(uint8_t *bytes, size_t size, struct elf_file **ret_file);
/* Closes the descriptor of a file that is mapped whole. */
void elf_file_forget_fd(struct elf_file *file);
struct elf_file *elf_file_close(struct elf_file *file);
void elf_file_closep(struct elf_file **file);

/* Gives back the pages of a mapped file from which these bytes came; they are read again if needed. */
void elf_bytes_release(struct elf_bytes bytes);

/* The virtual address at a file offset within an executable segment; false: in none. */
bool elf_file_address(const struct elf_file *file, uint64_t offset, uint64_t *ret_address);

/* The section's header and bytes by name; false: none, or without bytes. `ret_address` may be
 * NULL. */
bool elf_file_section(const struct elf_file *file, const char *name, struct elf_bytes *ret_bytes,
	uint64_t *ret_address);

/* sh_entsize of a section with that name; 0: none. */
uint64_t elf_file_section_entry(const struct elf_file *file, const char *name);

/* As elf_file_section, and whether the bytes are packed (SHF_COMPRESSED). */
bool elf_file_section_packed(const struct elf_file *file, const char *name,
	struct elf_bytes *ret_bytes, bool *ret_is_packed);

/* Is there a section of this name with contents, compressed or not? */
bool elf_file_has_section(const struct elf_file *file, const char *name);

/* The bytes that a PT_LOAD segment of any kind puts at an address, up to the segment's end. */
bool elf_file_at(const struct elf_file *file, uint64_t address, struct elf_bytes *ret_bytes);
