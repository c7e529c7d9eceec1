/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A stub jumps to where a slot of the global offset table points, and a relocation says of which
 * symbol the slot is (x86-64 psABI, "Procedure Linkage Table"). What a linker puts around the jump
 * differs (lazy or not, with or without ENDBR64 and BND); the jump itself, ff 25 and a distance of
 * four bytes, does not. So stubs are read as such, in the sections that linkers give to them, and
 * each slot is looked for among the relocations.
 */

#include "daemon/worker/plt.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"

#define SLOTS_MAX (1u << 20)

struct slot {
	uint64_t address;
	const char *name;
};

struct slots {
	struct slot *slots;
	size_t n, n_allocated;
};

static void slots_done(struct slots *slots)
{
	free(slots->slots);
}

static int compare(const void *left, const void *right)
{
	const struct slot *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

static int add_slot(struct slots *slots, uint64_t address, const char *name)
{
	int r = array_reserve(
		&slots->slots, &slots->n_allocated, slots->n + 1, sizeof(*slots->slots));

	if (!r)
		slots->slots[slots->n++] = (struct slot){.address = address, .name = name};
	return r;
}

/* Slots of a section of relocations. Symbol and string tables are those that it links to. */
static int add_relocations(struct slots *slots, Elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *relocations = elf_getdata(section, NULL), *symbols;
	Elf_Scn *symbol_section = elf_getscn(elf, header->sh_link);
	GElf_Shdr symbol_header;
	size_t n = header->sh_entsize && relocations ? relocations->d_size / header->sh_entsize : 0;

	symbols = symbol_section ? elf_getdata(symbol_section, NULL) : NULL;
	if (!symbols || !gelf_getshdr(symbol_section, &symbol_header))
		return 0;
	for (size_t i = 0; i < n && slots->n < SLOTS_MAX; i++) {
		const char *name;
		GElf_Rela rela;
		GElf_Sym symbol;
		int r;

		if (!gelf_getrela(relocations, (int)i, &rela))
			break;
		if (GELF_R_TYPE(rela.r_info) != R_X86_64_JUMP_SLOT &&
			GELF_R_TYPE(rela.r_info) != R_X86_64_GLOB_DAT)
			continue;
		if (!gelf_getsym(symbols, (int)GELF_R_SYM(rela.r_info), &symbol))
			continue;
		name = elf_strptr(elf, symbol_header.sh_link, symbol.st_name);
		if (!name || !*name)
			continue;
		r = add_slot(slots, rela.r_offset, name);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_slots(const struct elf_file *file, struct slots *slots)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(file->elf, section))) {
		GElf_Shdr header;
		int r;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA)
			continue;
		r = add_relocations(slots, file->elf, section, &header);
		if (r < 0)
			return r;
	}
	if (slots->n)
		qsort(slots->slots, slots->n, sizeof(*slots->slots), compare);
	return 0;
}

struct section {
	struct elf_bytes bytes;
	uint64_t address;
	size_t stride; /* one jump in each so many bytes */
};

/* The slot that the jump among these bytes goes through, or NULL. */
static const struct slot *find_jump(
	const struct slots *slots, const struct section *section, size_t start)
{
	const uint8_t *data = section->bytes.data;

	for (size_t at = start; at + 6 <= start + section->stride; at++) {
		struct slot key;
		int32_t distance;

		if (data[at] != 0xff || data[at + 1] != 0x25)
			continue;
		memcpy(&distance, data + at + 2, sizeof(distance));
		key.address = section->address + at + 6 + (uint64_t)(int64_t)distance;
		return bsearch(&key, slots->slots, slots->n, sizeof(key), compare);
	}
	return NULL;
}

static int read_stubs(const struct slots *slots, const struct section *section,
	plt_callback *callback, void *userdata)
{
	for (size_t start = 0; start + section->stride <= section->bytes.size;
		start += section->stride) {
		const struct slot *slot = find_jump(slots, section, start);
		int r = slot
			? callback(userdata, section->address + start, section->stride, slot->name)
			: 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int plt_each(const struct elf_file *file, plt_callback *callback, void *userdata)
{
	static const char *const names[] = {".plt", ".plt.sec", ".plt.got", ".iplt"};
	CLEANUP(slots_done) struct slots slots = {};
	GElf_Ehdr header;
	int r;

	if (!gelf_getehdr(file->elf, &header) || header.e_machine != EM_X86_64)
		return 0;
	r = read_slots(file, &slots);
	if (r < 0 || !slots.n)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct section section;

		if (!elf_file_section(file, names[i], &section.bytes, &section.address))
			continue;
		section.stride = elf_file_section_entry(file, names[i]) == 8 ? 8 : 16;
		r = read_stubs(&slots, &section, callback, userdata);
		if (r < 0)
			return r;
	}
	return 0;
}
