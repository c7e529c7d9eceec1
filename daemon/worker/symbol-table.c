/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * libdw asks the symbol table linearly; this table is sorted once and then searched. Of several
 * names for one function the one is kept that people know: FUNC before NOTYPE, global before weak
 * before local, then fewer leading underscores, then the shorter one. Symbols without a size
 * (assembly) are kept apart: what they cover is told by .eh_frame or not at all.
 */

#include "daemon/worker/symbol-table.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>
#include <sys/param.h>

#include "daemon/worker/go-file.h"
#include "daemon/worker/plt.h"
#include "daemon/worker/range-index.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

#define GO_NAME_MAX 4096

/* A name's merit among names of one function: kind and binding, 1 to 6. */
struct candidate {
	uint64_t start, size;
	const char *name;
	unsigned merit;
	bool is_stub;
};

struct symbol_table {
	struct candidate *candidates; /* sorted; the best first of those with equal start */
	size_t n, n_allocated;
	struct range_index index; /* id: index of a candidate with a size */
};

static unsigned merit_of(const GElf_Sym *symbol)
{
	unsigned merit = GELF_ST_TYPE(symbol->st_info) == STT_NOTYPE ? 1 : 4;

	switch (GELF_ST_BIND(symbol->st_info)) {
	case STB_GLOBAL:
	case STB_GNU_UNIQUE:
		return merit + 2;
	case STB_WEAK:
		return merit + 1;
	default:
		return merit;
	}
}

static bool is_executable_section(Elf *elf, const GElf_Sym *symbol)
{
	Elf_Scn *section = symbol->st_shndx < SHN_LORESERVE ? elf_getscn(elf, symbol->st_shndx)
							    : NULL;
	GElf_Shdr header;

	return section && gelf_getshdr(section, &header) && (header.sh_flags & SHF_EXECINSTR);
}

static bool is_function(Elf *elf, const GElf_Sym *symbol)
{
	if (symbol->st_shndx == SHN_UNDEF || !symbol->st_value)
		return false;
	switch (GELF_ST_TYPE(symbol->st_info)) {
	case STT_FUNC:
	case STT_GNU_IFUNC:
		return true;
	case STT_NOTYPE:
		return is_executable_section(elf, symbol);
	default:
		return false;
	}
}

static int add_candidate(struct symbol_table *table, const struct candidate *candidate)
{
	int r = array_reserve(
		&table->candidates, &table->n_allocated, table->n + 1, sizeof(*table->candidates));

	if (!r)
		table->candidates[table->n++] = *candidate;
	return r;
}

/* Adds what the section's symbols name. Names are checked by libelf to end within their section. */
static int add_section(struct symbol_table *table, Elf *elf, Elf_Scn *section)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Shdr header;
	size_t n;
	int r;

	if (!data || !gelf_getshdr(section, &header) || !header.sh_entsize)
		return 0;
	n = data->d_size / header.sh_entsize;
	for (size_t i = 0; i < n && i < INT32_MAX; i++) {
		GElf_Sym symbol;
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol))
			break;
		if (!is_function(elf, &symbol))
			continue;
		name = elf_strptr(elf, header.sh_link, symbol.st_name);
		if (!name || !*name || *name == '$')
			continue;
		r = add_candidate(table,
			&(struct candidate){.start = symbol.st_value,
				.size = symbol.st_size,
				.name = name,
				.merit = merit_of(&symbol)});
		if (r < 0)
			return r;
	}
	return 0;
}

/* 1: there was such a section. */
static int add_sections(struct symbol_table *table, const struct elf_file *file, unsigned type)
{
	Elf_Scn *section = NULL;
	int found = 0, r;

	while ((section = elf_nextscn(file->elf, section))) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header) || header.sh_type != type)
			continue;
		r = add_section(table, file->elf, section);
		if (r < 0)
			return r;
		found = 1;
	}
	return found;
}

/* What Go's linker leaves in a program that is stripped. */
static int add_go(struct symbol_table *table, const struct elf_file *file)
{
	struct go_function function;
	struct go_code code;
	int r;

	if (!go_file_find(file, &code))
		return 0;
	for (size_t i = 0; i < code.functions.n; i++) {
		if (!go_functions_get(&code.functions, i, &function) || !*function.name ||
			!memchr(function.name, 0, MIN(function.name_max, GO_NAME_MAX)))
			continue;
		r = add_candidate(table,
			&(struct candidate){.start = function.start,
				.size = function.size,
				.name = function.name,
				.merit = 1});
		if (r < 0)
			return r;
	}
	return 0;
}

static size_t n_underscores(const char *name)
{
	return strspn(name, "_");
}

static int compare_names(const char *a, const char *b)
{
	size_t left = n_underscores(a), right = n_underscores(b);

	if (left != right)
		return left < right ? -1 : 1;
	left = strcspn(a, "@");
	right = strcspn(b, "@");
	if (left != right)
		return left < right ? -1 : 1;
	return strcmp(a, b);
}

static int compare(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (!a->size != !b->size)
		return a->size ? -1 : 1;
	if (a->merit != b->merit)
		return a->merit > b->merit ? -1 : 1;
	return compare_names(a->name, b->name);
}

/* Keeps the best candidate of each start; its extent is the largest that a namesake claims. */
static int build_index(struct symbol_table *table)
{
	size_t n = 0;

	if (table->n)
		qsort(table->candidates, table->n, sizeof(*table->candidates), compare);
	for (size_t i = 0; i < table->n; i++) {
		struct candidate *best = n ? &table->candidates[n - 1] : NULL;

		if (best && best->start == table->candidates[i].start) {
			if (best->size < table->candidates[i].size)
				best->size = table->candidates[i].size;
			continue;
		}
		table->candidates[n++] = table->candidates[i];
	}
	table->n = n;
	for (size_t i = 0; i < n; i++) {
		const struct candidate *candidate = &table->candidates[i];
		uint64_t end = candidate->start + candidate->size;
		int r = range_index_add(&table->index, candidate->start, end, (uint32_t)i, 0);

		if (r < 0)
			return r;
	}
	range_index_seal(&table->index);
	return 0;
}

static void symbol_table_freep(struct symbol_table **table)
{
	symbol_table_free(*table);
}

/* The least of all names: where a symbol begins at a stub, it is that. */
static int add_stub(void *userdata, uint64_t start, uint64_t size, const char *name)
{
	return add_candidate(userdata,
		&(struct candidate){.start = start, .size = size, .name = name, .is_stub = true});
}

int symbol_table_new(const struct symbol_table_files *files, struct symbol_table **ret_table)
{
	CLEANUP(symbol_table_freep) struct symbol_table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return -ENOMEM;
	r = add_sections(table, files->file, SHT_SYMTAB);
	if (!r)
		r = add_go(table, files->file);
	if (!r)
		r = add_sections(table, files->file, SHT_DYNSYM);
	if (r >= 0 && files->debug)
		r = add_sections(table, files->debug, SHT_SYMTAB);
	if (r >= 0 && files->small)
		r = add_sections(table, files->small, SHT_SYMTAB);
	if (r >= 0)
		r = plt_each(files->file, add_stub, table);
	if (r < 0)
		return r;
	r = build_index(table);
	if (r < 0)
		return r;
	*ret_table = TAKE(table);
	return 0;
}

struct symbol_table *symbol_table_free(struct symbol_table *table)
{
	if (!table)
		return NULL;
	range_index_done(&table->index);
	free(table->candidates);
	free(table);
	return NULL;
}

static const struct candidate *find_start(const struct symbol_table *table, uint64_t start)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->candidates[middle].start == start)
			return &table->candidates[middle];
		if (table->candidates[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool symbol_table_find(const struct symbol_table *table, uint64_t address, uint64_t entry,
	struct symbol_table_entry *ret_entry)
{
	size_t i = range_index_find(&table->index, address);
	const struct candidate *candidate = NULL;

	if (i != RANGE_NONE)
		candidate = &table->candidates[table->index.ranges[i].id];
	else if (entry) {
		candidate = find_start(table, entry);
		if (candidate && candidate->size)
			candidate = NULL;
	}
	if (!candidate)
		return false;
	*ret_entry = (struct symbol_table_entry){
		.start = candidate->start,
		.name = candidate->name,
		.is_stub = candidate->is_stub,
	};
	return true;
}
