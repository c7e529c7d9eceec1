/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is in a file: its build-id, the separate debug file it names, the dwz file it shares, and
 * which tables it has. The daemon decides from this what to open next. Formats: the GNU build-id
 * note (ELF note of name "GNU", type 3); .gnu_debuglink (a name, padded to 4 bytes, a CRC-32) as in
 * the GDB manual, "Debugging Information in Separate Files"; .gnu_debugaltlink (a name, then the
 * other file's build-id) as in dwz(1).
 */

#include "daemon/worker/jobs.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <gelf.h>
#include <isa-l/crc.h>
#include <string.h>

#include "daemon/worker/elf-file.h"
#include "proto/base/cleanup.h"

static size_t copy_id(uint8_t to[WORKER_BUILD_ID_MAX], const void *id, ssize_t size)
{
	if (size <= 0 || size > WORKER_BUILD_ID_MAX)
		return 0;
	memcpy(to, id, (size_t)size);
	return (size_t)size;
}

static void probe_links(const struct elf_file *file, struct worker_probe *probe)
{
	const void *id;
	const char *name;
	GElf_Word crc;
	ssize_t size = dwelf_elf_gnu_build_id(file->elf, &id);
	struct elf_bytes bytes;

	probe->build_id_size = (uint32_t)copy_id(probe->build_id, id, size);
	name = dwelf_elf_gnu_debuglink(file->elf, &crc);
	if (name && strlen(name) < sizeof(probe->debug_link)) {
		strcpy(probe->debug_link, name);
		probe->debug_link_crc = crc;
	}
	if (elf_file_section(file, ".gnu_debugaltlink", &bytes, NULL)) {
		size_t n = strnlen((const char *)bytes.data, bytes.size);

		if (n < bytes.size && n < sizeof(probe->alternate)) {
			memcpy(probe->alternate, bytes.data, n + 1);
			probe->alternate_id_size = (uint32_t)copy_id(probe->alternate_id,
				bytes.data + n + 1, (ssize_t)(bytes.size - n - 1));
		}
	}
}

static uint32_t probe_kinds(const struct elf_file *file)
{
	uint32_t kinds = file->is_32bit ? WORKER_IS_32BIT : 0;
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(file->elf, section))) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header))
			continue;
		if (header.sh_type == SHT_SYMTAB)
			kinds |= WORKER_HAS_SYMTAB;
		if (header.sh_type == SHT_DYNSYM)
			kinds |= WORKER_HAS_DYNSYM;
	}
	if (elf_file_has_section(file, ".debug_info") || elf_file_has_section(file, ".zdebug_info"))
		kinds |= WORKER_HAS_DWARF;
	/* Split units take their addresses from there. */
	if (elf_file_has_section(file, ".debug_addr"))
		kinds |= WORKER_MAY_BE_SPLIT;
	if (elf_file_has_section(file, ".eh_frame") || elf_file_has_section(file, ".debug_frame"))
		kinds |= WORKER_HAS_UNWIND;
	return kinds;
}

/* Read, not mapped: the file may shrink meanwhile. */
static int file_crc(int fd, uint32_t *ret_crc)
{
	uint32_t crc = 0;
	CLEANUP(freep) unsigned char *bytes = malloc(1 << 16);
	off_t position = 0;

	if (!bytes)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(fd, bytes, 1 << 16, position);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		crc = crc32_gzip_refl(crc, bytes, (uint64_t)n);
		position += n;
	}
	*ret_crc = crc;
	return 0;
}

int job_probe(int fd, bool with_crc, struct worker_probe *ret_probe)
{
	CLEANUP(elf_file_closep) struct elf_file *file = NULL;
	struct worker_probe probe = {};
	int r;

	r = elf_file_open(fd, &file);
	if (r < 0)
		return r;
	if (r == ELF_FILE_BAD)
		return WORKER_STATUS_BAD_ELF;
	if (with_crc && file_crc(file->fd, &probe.crc) < 0)
		return WORKER_STATUS_BAD_ELF;
	probe.kinds = probe_kinds(file);
	probe_links(file, &probe);
	*ret_probe = probe;
	return 0;
}
