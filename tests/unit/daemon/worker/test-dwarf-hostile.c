/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * DWARF that means harm: references in circles, nesting without end, tables that are larger than they
 * look. Each is answered, or given up, within bounds of CPU time and memory.
 */

#include <dwarf.h>
#include <elf.h>
#include <string.h>
#include <sys/resource.h>
#include <zlib.h>

#include "daemon/worker/dwarf-index.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"

#define TEXT UINT64_C(0x401000)
#define TEXT_SIZE UINT64_C(0x1000000)
/* Sanitizers make both a few times larger. */
#ifdef __SANITIZE_ADDRESS__
#define CPU_NS_MAX (20 * NS_PER_SECOND)
#define KIB_MAX (2048 * 1024)
#else
#define CPU_NS_MAX (4 * NS_PER_SECOND)
#define KIB_MAX (600 * 1024)
#endif

enum section { INFO, ABBREV, LINE, RANGES, N_SECTIONS };

static struct buffer sections[N_SECTIONS];
static bool is_line_packed;
static uint64_t packed_claim; /* size that the packed .debug_line claims */

static void put(enum section section, uint64_t value, size_t n)
{
	buffer_append(&sections[section], &value, n);
}

static void put_uleb(enum section section, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		put(section, (value & 0x7f) | 0x80, 1);
	put(section, value, 1);
}

static void put_abbrev(
	unsigned code, unsigned tag, bool has_children, const uint16_t (*attributes)[2])
{
	put_uleb(ABBREV, code);
	put_uleb(ABBREV, tag);
	put(ABBREV, has_children, 1);
	for (; (*attributes)[0]; attributes++) {
		put_uleb(ABBREV, (*attributes)[0]);
		put_uleb(ABBREV, (*attributes)[1]);
	}
	put(ABBREV, 0, 2);
}

enum { UNIT = 1, FUNCTION, INLINED, DECLARATION, SHARING };

static void put_abbrevs(void)
{
	static const uint16_t unit[][2] = {{DW_AT_low_pc, DW_FORM_addr},
		{DW_AT_high_pc, DW_FORM_data8}, {DW_AT_stmt_list, DW_FORM_sec_offset}, {}};
	static const uint16_t code[][2] = {{DW_AT_low_pc, DW_FORM_addr},
		{DW_AT_high_pc, DW_FORM_data8}, {DW_AT_abstract_origin, DW_FORM_ref4}, {}};
	static const uint16_t declaration[][2] = {{DW_AT_specification, DW_FORM_ref4}, {}};
	static const uint16_t sharing[][2] = {{DW_AT_ranges, DW_FORM_sec_offset}, {}};

	put_abbrev(UNIT, DW_TAG_compile_unit, true, unit);
	put_abbrev(FUNCTION, DW_TAG_subprogram, true, code);
	put_abbrev(INLINED, DW_TAG_inlined_subroutine, true, code);
	put_abbrev(DECLARATION, DW_TAG_subprogram, false, declaration);
	put_abbrev(SHARING, DW_TAG_subprogram, false, sharing);
	put(ABBREV, 0, 1);
}

static void begin(void)
{
	for (int i = 0; i < N_SECTIONS; i++)
		buffer_clear(&sections[i]);
	put_abbrevs();
	put(INFO, 0, 4); /* the length */
	put(INFO, 4, 2); /* version */
	put(INFO, 0, 4); /* abbreviations */
	put(INFO, 8, 1);
	put_uleb(INFO, UNIT);
	put(INFO, TEXT, 8);
	put(INFO, TEXT_SIZE, 8);
	put(INFO, 0, 4);
}

static uint32_t here(void)
{
	return (uint32_t)sections[INFO].size;
}

static void put_code(unsigned abbrev, uint64_t start, uint64_t size, uint32_t origin)
{
	put_uleb(INFO, abbrev);
	put(INFO, start, 8);
	put(INFO, size, 8);
	put(INFO, origin, 4);
}

static void end(void)
{
	uint32_t length = here() - 4;

	memcpy(sections[INFO].data, &length, sizeof(length));
}

static void put_section(struct buffer *file, Elf64_Shdr *header, const struct buffer *bytes)
{
	header->sh_type = SHT_PROGBITS;
	header->sh_offset = file->size;
	header->sh_addralign = 1;
	if (header->sh_flags & SHF_COMPRESSED) {
		Elf64_Chdr compressed = {ELFCOMPRESS_ZLIB, 0, packed_claim, 1};

		buffer_append(file, &compressed, sizeof(compressed));
	}
	buffer_append(file, bytes->data, bytes->size);
	header->sh_size = file->size - header->sh_offset;
}

static struct elf_file *make_file(void)
{
	static const char names[] =
		"\0.debug_info\0.debug_abbrev\0.debug_line\0.debug_ranges\0.names";
	static const unsigned at[] = {1, 13, 27, 39, 53};
	Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				     ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(header),
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = N_SECTIONS + 2,
		.e_shstrndx = N_SECTIONS + 1};
	Elf64_Phdr segment = {.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_vaddr = TEXT,
		.p_filesz = 64,
		.p_memsz = TEXT_SIZE};
	Elf64_Shdr headers[N_SECTIONS + 2] = {};
	struct buffer file = {}, name_bytes = {};
	struct elf_file *elf;

	buffer_append(&file, &header, sizeof(header));
	buffer_append(&file, &segment, sizeof(segment));
	for (int i = 0; i < N_SECTIONS; i++) {
		headers[i + 1].sh_name = at[i];
		headers[i + 1].sh_flags = i == LINE && is_line_packed ? SHF_COMPRESSED : 0;
		put_section(&file, &headers[i + 1], &sections[i]);
	}
	buffer_append(&name_bytes, names, sizeof(names));
	headers[N_SECTIONS + 1].sh_name = at[N_SECTIONS];
	put_section(&file, &headers[N_SECTIONS + 1], &name_bytes);
	headers[N_SECTIONS + 1].sh_type = SHT_STRTAB;
	while (file.size % 8)
		buffer_append_char(&file, '\0');
	header.e_shoff = file.size;
	buffer_append(&file, headers, sizeof(headers));
	ck_assert_int_eq(buffer_error(&file), 0);
	memcpy(file.data, &header, sizeof(header));
	buffer_done(&name_bytes);
	ck_assert_int_eq(elf_file_open_bytes((uint8_t *)file.data, file.size, &elf), 0);
	return elf;
}

struct bench {
	struct elf_file *elf;
	struct dwarf_index *index;
	struct dwarf_chain chain;
	uint64_t start_ns;
};

static void bench_open(struct bench *bench)
{
	bench->elf = make_file();
	bench->start_ns = time_now_ns(CLOCK_PROCESS_CPUTIME_ID);
	ck_assert_int_eq(dwarf_index_new(&(struct dwarf_index_files){.elf = bench->elf},
				 &(struct dwarf_index_soon){}, &bench->index),
		0);
}

static void find(struct bench *bench, uint64_t address)
{
	struct dwarf_wanted wanted;

	ck_assert_int_eq(dwarf_index_find(bench->index, address, &bench->chain, &wanted), 0);
}

static void bench_close(struct bench *bench)
{
	uint64_t used_ns = time_now_ns(CLOCK_PROCESS_CPUTIME_ID) - bench->start_ns;
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	ck_assert_uint_le(used_ns, CPU_NS_MAX);
	ck_assert_int_le(usage.ru_maxrss, KIB_MAX);
	dwarf_index_free(bench->index);
	elf_file_close(bench->elf);
	for (int i = 0; i < N_SECTIONS; i++)
		buffer_done(&sections[i]);
}

START_TEST(origins_in_a_circle_have_no_name)
{
	struct bench bench;
	uint32_t first;

	begin();
	first = here();
	put_code(FUNCTION, TEXT, 64, first + 2 * 21 + 21);
	put_code(INLINED, TEXT, 32, first);
	put_code(INLINED, TEXT, 16, first + 21);
	put_code(INLINED, TEXT, 16, first + 2 * 21);
	end();
	bench_open(&bench);
	find(&bench, TEXT + 4);
	ck_assert_uint_eq(bench.chain.n, 4);
	for (size_t i = 0; i < bench.chain.n; i++)
		ck_assert_ptr_null(bench.chain.frames[i].name);
	bench_close(&bench);
}
END_TEST

START_TEST(specification_of_itself_has_no_name)
{
	struct bench bench;
	uint32_t self;

	begin();
	self = here();
	put_uleb(INFO, DECLARATION);
	put(INFO, self, 4);
	put_code(FUNCTION, TEXT, 64, self);
	end();
	bench_open(&bench);
	find(&bench, TEXT);
	ck_assert_uint_eq(bench.chain.n, 1);
	ck_assert_ptr_null(bench.chain.frames[0].name);
	bench_close(&bench);
}
END_TEST

#define N_NESTED 400000u

/* Each one inside of the one before. */
static void put_nest(uint64_t shrinks)
{
	begin();
	put_code(FUNCTION, TEXT, TEXT_SIZE, here());
	for (uint32_t i = 0; i < N_NESTED; i++)
		put_code(INLINED, TEXT + i, TEXT_SIZE - i * shrinks, here());
	end();
}

START_TEST(deep_nesting_is_cut)
{
	struct bench bench;

	put_nest(1);
	bench_open(&bench);
	for (int i = 0; i < 1000; i++) {
		find(&bench, TEXT + TEXT_SIZE / 2);
		ck_assert_uint_eq(bench.chain.n, WORKER_CHAIN_MAX);
	}
	bench_close(&bench);
}
END_TEST

START_TEST(nest_that_is_left_costs_one_way_out)
{
	struct bench bench;

	put_nest(20);
	bench_open(&bench);
	for (int i = 0; i < 100; i++) {
		find(&bench, TEXT + TEXT_SIZE - 1);
		ck_assert_uint_ge(bench.chain.n, 1);
	}
	bench_close(&bench);
}
END_TEST

/* So many functions with one list of so many entries: nothing in it counts, or all. */
static void put_shared_list(uint32_t n, bool has_code)
{
	begin();
	for (uint32_t i = 0; i < n; i++) {
		put_uleb(INFO, SHARING);
		put(INFO, 0, 4);
	}
	end();
	for (uint32_t i = 0; i < n; i++) {
		put(RANGES, has_code ? i * 2 : UINT64_MAX, 8);
		put(RANGES, has_code ? i * 2 + 1 : TEXT, 8);
	}
	put(RANGES, 0, 8);
	put(RANGES, 0, 8);
}

START_TEST(list_that_all_share_is_read_so_often_only)
{
	for (int has_code = 0; has_code < 2; has_code++) {
		struct bench bench;

		put_shared_list(200000, has_code);
		bench_open(&bench);
		find(&bench, TEXT);
		ck_assert_uint_eq(bench.chain.n, has_code);
		bench_close(&bench);
	}
}
END_TEST

/* The head of a line table of version 5 whose files have one field of this form. */
static void put_line_head(uint64_t n_files, unsigned form)
{
	size_t start = sections[LINE].size, head;

	put(LINE, 0, 4); /* the length */
	put(LINE, 5, 2);
	put(LINE, 8, 1);
	put(LINE, 0, 1);
	head = sections[LINE].size;
	put(LINE, 0, 4); /* the head's length */
	put(LINE, 1, 1); /* an instruction's size */
	put(LINE, 1, 1);
	put(LINE, 1, 1);
	put(LINE, 1, 1); /* line base */
	put(LINE, 2, 1); /* line range */
	put(LINE, 1, 1); /* all opcodes are special, but the extended ones */
	put(LINE, 0, 2); /* no directories */
	put(LINE, 1, 1);
	put_uleb(LINE, DW_LNCT_directory_index);
	put_uleb(LINE, form);
	put_uleb(LINE, n_files);
	if (form == DW_FORM_udata)
		for (uint64_t i = 0; i < n_files; i++)
			put(LINE, 0, 1);
	memcpy(sections[LINE].data + head, &(uint32_t){(uint32_t)(sections[LINE].size - head - 4)},
		4);
	ck_assert_uint_eq(start, 0);
}

static void end_line(void)
{
	memcpy(sections[LINE].data, &(uint32_t){(uint32_t)(sections[LINE].size - 4)}, 4);
}

static void ask_lines(void)
{
	struct bench bench;

	bench_open(&bench);
	find(&bench, TEXT + 5);
	bench_close(&bench);
}

START_TEST(files_that_take_no_bytes_are_not_counted_out)
{
	begin();
	end();
	put_line_head(UINT64_C(1) << 40, DW_FORM_flag_present);
	put(LINE, 0, 8);
	end_line();
	ask_lines();
}
END_TEST

START_TEST(line_table_without_end_is_cut)
{
	static uint8_t chunk[1 << 20];

	begin();
	end();
	put_line_head(1, DW_FORM_udata);
	put(LINE, 0, 1);
	put(LINE, 9, 1);
	put(LINE, DW_LNE_set_address, 1);
	put(LINE, TEXT, 8);
	/* Address and line go on with each byte: a row of twelve bytes. */
	memset(chunk, 3, sizeof(chunk));
	for (int i = 0; i < 64; i++)
		buffer_append(&sections[LINE], chunk, sizeof(chunk));
	end_line();
	ask_lines();
}
END_TEST

START_TEST(bomb_is_not_unpacked)
{
	static const uint64_t claims[] = {UINT64_C(1) << 62, UINT64_C(1) << 29, 1 << 20};
	static uint8_t zeros[1 << 20], packed[1 << 12];

	is_line_packed = true;
	for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
		uLongf size = sizeof(packed);

		begin();
		end();
		ck_assert_int_eq(compress2(packed, &size, zeros, sizeof(zeros), 9), Z_OK);
		buffer_append(&sections[LINE], packed, size);
		packed_claim = claims[i];
		ask_lines();
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		origins_in_a_circle_have_no_name,
		specification_of_itself_has_no_name,
		deep_nesting_is_cut,
		nest_that_is_left_costs_one_way_out,
		list_that_all_share_is_read_so_often_only,
		files_that_take_no_bytes_are_not_counted_out,
		line_table_without_end_is_cut,
		bomb_is_not_unpacked,
	};

	return check_main("worker/dwarf-hostile", tests, ARRAY_SIZE(tests));
}
