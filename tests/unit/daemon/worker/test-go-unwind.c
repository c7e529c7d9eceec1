/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tables of functions as Go's linker writes them, by hand, and the rows that they must become. */

#include "daemon/worker/unwind-table.h"

#include "daemon/unwind/validate.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define TEXT UINT64_C(0x401000)
#define TEXT_OFFSET 0x1000
#define FUNCTION_SIZE 0x40
#define FILE_SIZE 0x3000
#define MAGIC_1_16 0xfffffffau
#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u

/* The functions lie one after the other, FUNCTION_SIZE bytes each. */
struct function {
	const char *name;
	uint8_t flags;
	const char *code; /* its first bytes, in hex; NULL: none that matter */
	const char *depths; /* "0x4 24x16": depth and bytes */
};

static void put(struct buffer *out, uint64_t value, size_t n)
{
	buffer_append(out, &value, n);
}

static void put_zeros(struct buffer *out, size_t n)
{
	while (n--)
		put(out, 0, 1);
}

static void put_uleb(struct buffer *out, uint32_t value)
{
	for (; value > 0x7f; value >>= 7)
		put(out, (value & 0x7f) | 0x80, 1);
	put(out, value, 1);
}

static void put_depths(struct buffer *out, const char *text)
{
	int before = -1, depth, n_read;
	unsigned size;

	for (; sscanf(text, "%dx%u%n", &depth, &size, &n_read) == 2; text += n_read) {
		int change = depth - before;

		put_uleb(
			out, change < 0 ? ((uint32_t)-change - 1) << 1 | 1 : (uint32_t)change << 1);
		put_uleb(out, size);
		before = depth;
	}
	put(out, 0, 1);
}

static void put_code(uint8_t *out, const char *hex)
{
	unsigned byte;
	int n_read;

	for (; hex && sscanf(hex, "%2x%n", &byte, &n_read) == 1; hex += n_read)
		*out++ = (uint8_t)byte;
}

/* A record: the entry, where the name and the program are, what does not matter, the flags. */
static void put_record(struct buffer *out, uint32_t magic, uint64_t entry, uint32_t name_and_depths)
{
	put(out, entry, magic == MAGIC_1_16 ? 8 : 4);
	put(out, name_and_depths & 0xffff, 4);
	put(out, 0, 8);
	put(out, name_and_depths >> 16, 4);
	put_zeros(out, 16);
	if (magic == MAGIC_1_20)
		put(out, 0, 4);
	put(out, 0, 1);
}

struct parts {
	struct buffer names, programs, list, records;
};

static void parts_done(struct parts *parts)
{
	buffer_done(&parts->names);
	buffer_done(&parts->programs);
	buffer_done(&parts->list);
	buffer_done(&parts->records);
}

static void put_functions(
	struct parts *parts, uint32_t magic, const struct function *functions, size_t n)
{
	size_t n_word = magic == MAGIC_1_16 ? 8 : 4;
	uint64_t base = magic == MAGIC_1_16 ? TEXT : 0;
	size_t list_size = (2 * n + 1) * n_word;

	for (size_t i = 0; i < n; i++) {
		put(&parts->list, base + i * FUNCTION_SIZE, n_word);
		put(&parts->list, list_size + parts->records.size, n_word);
		put_record(&parts->records, magic, base + i * FUNCTION_SIZE,
			(uint32_t)(parts->names.size | parts->programs.size << 16));
		put(&parts->records, functions[i].flags, 1);
		put_zeros(&parts->records, 14);
		buffer_append(&parts->names, functions[i].name, strlen(functions[i].name) + 1);
		put_depths(&parts->programs, functions[i].depths);
	}
	put(&parts->list, base + n * FUNCTION_SIZE, n_word);
}

static void put_table(
	struct buffer *out, uint32_t magic, const struct function *functions, size_t n)
{
	CLEANUP(parts_done) struct parts parts = {0};
	uint64_t at = magic == MAGIC_1_16 ? 64 : 72;

	put_functions(&parts, magic, functions, n);
	put(out, magic, 4);
	put(out, 0x08010000, 4);
	put(out, n, 8);
	put(out, 1, 8);
	if (magic != MAGIC_1_16)
		put(out, TEXT, 8);
	put(out, at, 8);
	put_zeros(out, 16);
	put(out, at + parts.names.size, 8);
	put(out, at + parts.names.size + parts.programs.size, 8);
	buffer_append(out, parts.names.data, parts.names.size);
	buffer_append(out, parts.programs.data, parts.programs.size);
	buffer_append(out, parts.list.data, parts.list.size);
	buffer_append(out, parts.records.data, parts.records.size);
}

static void describe(struct buffer *out, const struct abi_row *row)
{
	static const char *const kinds[ABI_CFA_COUNT] = {
		[ABI_CFA_GAP] = "-",
		[ABI_CFA_RSP] = "rsp",
		[ABI_CFA_RBP] = "rbp",
		[ABI_CFA_SIGNAL] = "signal",
		[ABI_CFA_END] = "end",
		[ABI_CFA_UNSUPPORTED] = "unsupported",
	};

	buffer_printf(out, "%s%x:%s", out->size ? " " : "", row->pc,
		kinds[ABI_ROW_CFA(row->kinds)] ?: "?");
	if (row->cfa_offset)
		buffer_printf(out, "+%d", row->cfa_offset);
	if (ABI_ROW_RBP(row->kinds) == ABI_RBP_CFA)
		buffer_printf(out, ",rbp@%d", row->rbp_offset);
	if (ABI_ROW_RBP(row->kinds) == ABI_RBP_CFA_ELSEWHERE)
		buffer_printf(out, ",rbp@%d elsewhere", row->rbp_offset);
}

static void check_rows(
	uint32_t magic, const struct function *functions, size_t n, const char *wanted)
{
	static const struct elf_segment segments[] = {{TEXT_OFFSET, TEXT, 0x1000}};
	CLEANUP(buffer_done) struct buffer bytes = {0}, text = {0};
	CLEANUP(unwind_table_done) struct unwind_table table = {0};
	uint8_t code[0x1000] = {0};
	struct go_code go = {.data = code, .size = sizeof(code), .address = TEXT};
	const struct unwind_input input = {
		.go = &go,
		.segments = segments,
		.n_segments = 1,
		.file_size = FILE_SIZE,
	};

	for (size_t i = 0; i < n; i++)
		put_code(&code[i * FUNCTION_SIZE], functions[i].code);
	put_table(&bytes, magic, functions, n);
	ck_assert(go_functions_open((const uint8_t *)bytes.data, bytes.size, 0, &go.functions));
	ck_assert_int_eq(unwind_table_build(&input, &table), 0);
	ck_assert_int_eq(rows_validate(table.rows, table.n, FILE_SIZE), 0);
	for (size_t i = 0; i < table.n; i++)
		describe(&text, &table.rows[i]);
	ck_assert_str_eq(text.data, wanted);
}

#define CHECK(magic, wanted, ...)                                                                  \
	check_rows(magic, (const struct function[]){__VA_ARGS__},                                  \
		sizeof((const struct function[]){__VA_ARGS__}) / sizeof(struct function), wanted)

START_TEST(the_depth_of_rsp_is_the_rule)
{
	CHECK(MAGIC_1_18, "0:- 1000:rsp+1 1004:rsp+4 1014:rsp+1 1040:-",
		{"main.f", 0, NULL, "0x4 24x16 0x44"});
}
END_TEST

START_TEST(every_layout_of_the_table_is_read)
{
	static const uint32_t magics[] = {MAGIC_1_16, MAGIC_1_18, MAGIC_1_20};

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		CHECK(magics[i], "0:- 1000:rsp+1 1020:rsp+3 1040:end 1080:-",
			{"main.f", 0, NULL, "0x32 16x32"}, {"runtime.goexit", 1, NULL, "0x64"});
}
END_TEST

START_TEST(rbp_is_saved_by_the_instruction_behind_the_one_that_makes_the_frame)
{
	/* sub $0x18, %rsp; mov %rbp, 0x10(%rsp); lea 0x10(%rsp), %rbp */
	CHECK(MAGIC_1_18,
		"0:- 1000:rsp+1 1004:rsp+4 1009:rsp+4,rbp@-2 1020:rsp+1 1021:rsp+4,rbp@-2 1040:-",
		{"main.f", 0, "4883ec1848896c2410488d6c2410", "0x4 24x28 0x1 24x31"});
	/* push %rbp; mov %rsp, %rbp; sub $0x10, %rsp */
	CHECK(MAGIC_1_20, "0:- 1000:rsp+1 1001:rsp+2,rbp@-2 1008:rsp+4,rbp@-2 1030:rsp+1 1040:-",
		{"main.f", 0, "554889e54883ec10", "0x1 8x7 24x40 0x16"});
}
END_TEST

START_TEST(behind_its_last_depth_a_function_has_no_rule)
{
	CHECK(MAGIC_1_18, "0:- 1000:rsp+1 1010:- 1040:rsp+2 1080:-", {"main.f", 0, NULL, "0x16"},
		{"main.g", 0, NULL, "8x64"});
}
END_TEST

START_TEST(where_the_runtime_changes_stacks_a_stack_ends_or_rbp_leads_back)
{
	CHECK(MAGIC_1_18, "0:- 1000:end+1 1040:-", {"runtime.mcall", 2, NULL, "0x61 8x3"});
	CHECK(MAGIC_1_18,
		"0:- 1000:rsp+1 1004:rsp+4 1009:rsp+4,rbp@-2 100e:rbp+2,rbp@-2 elsewhere 1040:-",
		{"runtime.nanotime1", 2, "4883ec1848896c2410488d6c2410", "0x4 24x60"});
}
END_TEST

START_TEST(other_code_that_writes_rsp_cannot_be_said)
{
	CHECK(MAGIC_1_18, "0:- 1000:unsupported 1040:-", {"hash.block", 2, NULL, "0x64"});
	CHECK(MAGIC_1_18, "0:- 1000:unsupported 1040:-", {"main.odd", 0, NULL, "3x64"});
}
END_TEST

START_TEST(a_signal_s_return_begins_before_its_first_byte)
{
	/* int3; mov $15, %rax; syscall */
	CHECK(MAGIC_1_18, "0:- 1000:rsp+1 103f:signal 1080:-", {"main.f", 0, NULL, "0x64"},
		{"runtime.sigreturn", 0, "48c7c00f0000000f05", "0x64"});
}
END_TEST

START_TEST(a_signal_handler_s_frame_is_not_the_outermost)
{
	CHECK(MAGIC_1_18, "0:- 1000:rsp+7 1040:-", {"runtime.sigtramp", 1, NULL, "48x64"});
}
END_TEST

START_TEST(tables_that_are_cut_are_refused_or_give_fewer_functions)
{
	static const struct function functions[] = {
		{"main.f", 0, NULL, "0x64"}, {"main.g", 0, NULL, "8x64"}};
	CLEANUP(buffer_done) struct buffer bytes = {0};
	struct go_functions opened;
	struct go_function function;
	size_t n_known = 0;

	put_table(&bytes, MAGIC_1_18, functions, ARRAY_SIZE(functions));
	for (size_t size = 0; size <= bytes.size; size++) {
		size_t n = 0;

		/* A copy, so that a sanitizer sees what is read behind it. */
		CLEANUP(buffer_done) struct buffer copy = {0};
		buffer_append(&copy, bytes.data, size);
		if (!go_functions_open((const uint8_t *)copy.data, size, 0, &opened))
			continue;
		for (size_t i = 0; i < opened.n; i++)
			n += go_functions_get(&opened, i, &function);
		ck_assert_uint_ge(n, n_known);
		n_known = n;
	}
	ck_assert_uint_eq(n_known, ARRAY_SIZE(functions));
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		the_depth_of_rsp_is_the_rule,
		every_layout_of_the_table_is_read,
		rbp_is_saved_by_the_instruction_behind_the_one_that_makes_the_frame,
		behind_its_last_depth_a_function_has_no_rule,
		where_the_runtime_changes_stacks_a_stack_ends_or_rbp_leads_back,
		other_code_that_writes_rsp_cannot_be_said,
		a_signal_s_return_begins_before_its_first_byte,
		a_signal_handler_s_frame_is_not_the_outermost,
		tables_that_are_cut_are_refused_or_give_fewer_functions,
	};

	return check_main("go-unwind", tests, ARRAY_SIZE(tests));
}
