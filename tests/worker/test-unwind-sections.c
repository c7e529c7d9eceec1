/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where the compiler finds call frame information: without section headers, compressed, in a
 * separate debug file.
 *
 * Usage: test-unwind-sections PLAIN COMPRESSED, one program with .debug_frame as it is and
 * compressed.
 */

#include <fcntl.h>
#include <gelf.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "daemon/unwind/validate.h"
#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"
#include "tests/worker/find-file.h"

static const char *plain_path, *compressed_path;

/* A copy that a test may change: memory and the file behind it. */
struct copy {
	int fd;
	uint8_t *bytes;
	size_t size;
};

static struct copy copy_of(int from)
{
	struct copy copy = {.fd = memfd_create("copy", MFD_CLOEXEC)};
	struct stat stat;

	ck_assert_int_ge(from, 0);
	ck_assert_int_eq(fstat(from, &stat), 0);
	copy.size = (size_t)stat.st_size;
	ck_assert_int_eq(ftruncate(copy.fd, stat.st_size), 0);
	copy.bytes = mmap(NULL, copy.size, PROT_READ | PROT_WRITE, MAP_SHARED, copy.fd, 0);
	ck_assert_ptr_ne(copy.bytes, MAP_FAILED);
	ck_assert_int_eq(pread(from, copy.bytes, copy.size, 0), stat.st_size);
	return copy;
}

static void copy_done(struct copy *copy)
{
	munmap(copy->bytes, copy->size);
	closep(&copy->fd);
}

static Elf64_Ehdr *header_of(struct copy *copy)
{
	return (Elf64_Ehdr *)copy->bytes;
}

/* The descriptor stays the caller's. debug_fd -1: none. */
static int compile(int fd, int debug_fd, struct unwind_table *ret_table)
{
	CLEANUP(elf_file_closep) struct elf_file *file = NULL, *debug_file = NULL;
	int r;

	ck_assert_int_eq(elf_file_open(dup(fd), &file), 0);
	if (debug_fd >= 0)
		ck_assert_int_eq(elf_file_open(dup(debug_fd), &debug_file), 0);
	r = unwind_table_compile(file, debug_file, ret_table);
	if (!r)
		ck_assert_int_eq(rows_validate(ret_table->rows, ret_table->n, file->size), 0);
	return r;
}

static void check_equal(const struct unwind_table *a, const struct unwind_table *b)
{
	ck_assert_uint_eq(a->n, b->n);
	ck_assert_mem_eq(a->rows, b->rows, a->n * sizeof(*a->rows));
}

START_TEST(the_program_header_leads_to_eh_frame_without_section_headers)
{
	CLEANUP(closep) int fd = find_file("libc.so.6");
	CLEANUP(copy_done) struct copy copy = copy_of(fd);
	CLEANUP(unwind_table_done) struct unwind_table with = {0}, without = {0};

	ck_assert_int_eq(compile(copy.fd, -1, &with), 0);
	header_of(&copy)->e_shoff = 0;
	header_of(&copy)->e_shnum = 0;
	header_of(&copy)->e_shstrndx = 0;
	ck_assert_int_eq(compile(copy.fd, -1, &without), 0);
	check_equal(&with, &without);
	ck_assert_uint_eq(without.n_bad_fdes, 0);
}
END_TEST

START_TEST(code_of_another_machine_is_refused)
{
	CLEANUP(closep) int fd = find_file("libc.so.6");
	CLEANUP(copy_done) struct copy copy = copy_of(fd);
	struct unwind_table table;

	header_of(&copy)->e_machine = EM_AARCH64;
	ck_assert_int_eq(compile(copy.fd, -1, &table), UNWIND_FOREIGN);
}
END_TEST

START_TEST(compressed_frames_are_the_same_frames)
{
	CLEANUP(closep) int plain_fd = open(plain_path, O_RDONLY | O_CLOEXEC);
	CLEANUP(closep) int compressed_fd = open(compressed_path, O_RDONLY | O_CLOEXEC);
	CLEANUP(unwind_table_done) struct unwind_table plain = {0}, compressed = {0};

	ck_assert_int_eq(compile(plain_fd, -1, &plain), 0);
	ck_assert_int_eq(compile(compressed_fd, -1, &compressed), 0);
	ck_assert_uint_ge(plain.n_kinds[ABI_CFA_RSP], 4);
	check_equal(&plain, &compressed);
}
END_TEST

/* Sets the size that a compressed .debug_frame claims; 0: there is none. */
static int claim_size(struct copy *copy, uint64_t size)
{
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(copy->bytes + header_of(copy)->e_shoff);
	const char *names = (const char *)copy->bytes +
		sections[header_of(copy)->e_shstrndx].sh_offset;

	for (size_t i = 0; i < header_of(copy)->e_shnum; i++) {
		if (strcmp(names + sections[i].sh_name, ".debug_frame") != 0)
			continue;
		ck_assert(sections[i].sh_flags & SHF_COMPRESSED);
		((Elf64_Chdr *)(copy->bytes + sections[i].sh_offset))->ch_size = size;
		return 1;
	}
	return 0;
}

START_TEST(a_compressed_section_may_not_claim_any_size)
{
	CLEANUP(closep) int fd = open(compressed_path, O_RDONLY | O_CLOEXEC);
	CLEANUP(copy_done) struct copy copy = copy_of(fd);
	CLEANUP(unwind_table_done) struct unwind_table table = {0}, whole = {0};

	ck_assert_int_eq(compile(fd, -1, &whole), 0);
	ck_assert_int_eq(claim_size(&copy, UINT64_C(1) << 40), 1);
	ck_assert_int_eq(compile(copy.fd, -1, &table), UNWIND_TOO_LARGE);
	claim_size(&copy, 1); /* cannot be decompressed: the file's other frames remain */
	ck_assert_int_eq(compile(copy.fd, -1, &table), 0);
	ck_assert_uint_lt(table.n, whole.n);
}
END_TEST

START_TEST(a_debug_file_adds_its_frames)
{
	CLEANUP(closep) int fd = open(plain_path, O_RDONLY | O_CLOEXEC);
	CLEANUP(closep) int debug_fd = open(compressed_path, O_RDONLY | O_CLOEXEC);
	CLEANUP(copy_done) struct copy stripped = copy_of(fd);
	CLEANUP(unwind_table_done) struct unwind_table alone = {0}, with = {0}, whole = {0};

	ck_assert_int_eq(compile(fd, -1, &whole), 0);
	header_of(&stripped)->e_shoff = 0;
	header_of(&stripped)->e_shnum = 0;
	header_of(&stripped)->e_shstrndx = 0;
	ck_assert_int_ge(compile(stripped.fd, -1, &alone), 0);
	ck_assert_uint_lt(alone.n, whole.n);
	ck_assert_int_eq(compile(stripped.fd, debug_fd, &with), 0);
	check_equal(&with, &whole);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = {
		the_program_header_leads_to_eh_frame_without_section_headers,
		code_of_another_machine_is_refused,
		compressed_frames_are_the_same_frames,
		a_compressed_section_may_not_claim_any_size,
		a_debug_file_adds_its_frames,
	};

	if (argc != 3)
		return EXIT_FAILURE;
	plain_path = argv[1];
	compressed_path = argv[2];
	return check_main("unwind-sections", tests, ARRAY_SIZE(tests));
}
