/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Functions laid out in a file by hand, and the table that they must become. */

#include "daemon/worker/unwind-table.h"

#include <dwarf.h>

#include "daemon/unwind/validate.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define TEXT UINT64_C(0x400000) /* address of the segment, at offset 0x1000 in the file */
#define TEXT_OFFSET 0x1000
#define TEXT_SIZE 0x1000
#define FILE_SIZE 0x3000

/* One function of the layout, at offset `start` of the file; rsp + words * 8. */
struct function {
	uint32_t start, size;
	uint8_t words; /* 0: a CFA that no row can say */
};

struct layout {
	const struct function *eh_frame;
	size_t n_eh_frame;
	const struct function *debug_frame;
	size_t n_debug_frame;
	uint64_t entry; /* file offset; 0: none */
	const uint8_t *image; /* FILE_SIZE bytes; NULL: not known */
};

static void put(struct buffer *out, uint64_t value, size_t n)
{
	buffer_append(out, &value, n);
}

static void put_function(struct buffer *out, const struct function *function, bool is_debug_frame)
{
	put(out, 28, 4);
	put(out, is_debug_frame ? 0 : out->size, 4);
	put(out, function->start ? TEXT + function->start - TEXT_OFFSET : 0, 8);
	put(out, function->size, 8);
	put(out, DW_CFA_def_cfa, 1);
	put(out, function->words ? 7 : 17, 1);
	put(out, function->words * 8, 2);
	put(out, 0, 4);
}

/* A section with one CIE, without augmentation and with absolute addresses, and functions. */
static void put_section(
	struct buffer *out, const struct function *functions, size_t n, bool is_debug_frame)
{
	static const uint8_t program[] = {1, 0x78, 16, DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1};

	put(out, 4 + 2 + sizeof(program), 4);
	put(out, is_debug_frame ? UINT32_MAX : 0, 4);
	put(out, 1, 2); /* version, empty augmentation */
	buffer_append(out, program, sizeof(program));
	for (size_t i = 0; i < n; i++)
		put_function(out, &functions[i], is_debug_frame);
}

static int build(const struct layout *layout, struct unwind_table *ret_table)
{
	static const struct elf_segment segments[] = {{TEXT_OFFSET, TEXT, TEXT_SIZE}};
	CLEANUP(buffer_done) struct buffer eh_frame = {0}, debug_frame = {0};
	struct cfi_section sections[2] = {0};
	const struct unwind_input input = {
		.sections = sections,
		.n_sections = ARRAY_SIZE(sections),
		.segments = segments,
		.n_segments = ARRAY_SIZE(segments),
		.file_size = FILE_SIZE,
		.image = layout->image,
		.entry = layout->entry ? TEXT + layout->entry - TEXT_OFFSET : 0,
	};
	int r;

	put_section(&eh_frame, layout->eh_frame, layout->n_eh_frame, false);
	put_section(&debug_frame, layout->debug_frame, layout->n_debug_frame, true);
	sections[0] = (struct cfi_section){
		.data = (const uint8_t *)eh_frame.data, .size = eh_frame.size};
	sections[1] = (struct cfi_section){.data = (const uint8_t *)debug_frame.data,
		.size = debug_frame.size,
		.is_debug_frame = true};
	r = unwind_table_build(&input, ret_table);
	if (!r)
		ck_assert_int_eq(rows_validate(ret_table->rows, ret_table->n, FILE_SIZE), 0);
	return r;
}

/* "1000:rsp+1 1010:- 1020:end": each row's pc and what it says. */
static void check_rows(const struct unwind_table *table, const char *wanted)
{
	CLEANUP(buffer_done) struct buffer text = {0};

	for (size_t i = 0; i < table->n; i++) {
		const struct abi_row *row = &table->rows[i];

		buffer_printf(&text, "%s%x:", i ? " " : "", row->pc);
		if (ABI_ROW_CFA(row->kinds) == ABI_CFA_RSP)
			buffer_printf(&text, "rsp+%d", row->cfa_offset);
		else if (ABI_ROW_CFA(row->kinds) == ABI_CFA_RBP)
			buffer_printf(&text, "rbp+%d", row->cfa_offset);
		else if (ABI_ROW_CFA(row->kinds) == ABI_CFA_GAP)
			buffer_append_text(&text, "-");
		else if (ABI_ROW_CFA(row->kinds) == ABI_CFA_END)
			buffer_append_text(&text, "end");
		else if (ABI_ROW_CFA(row->kinds) == ABI_CFA_CLONE)
			buffer_append_text(&text, "clone");
		else if (ABI_ROW_CFA(row->kinds) == ABI_CFA_CONTEXT)
			buffer_append_text(&text, "context");
		else
			buffer_append_text(&text, "?");
	}
	ck_assert_str_eq(text.data, wanted);
}

static void check_layout(const struct layout *layout, const char *wanted)
{
	CLEANUP(unwind_table_done) struct unwind_table table = {0};

	ck_assert_int_eq(build(layout, &table), 0);
	check_rows(&table, wanted);
}

#define FUNCTIONS(...)                                                                             \
	.eh_frame = (const struct function[]){__VA_ARGS__},                                        \
	.n_eh_frame = sizeof((const struct function[]){__VA_ARGS__}) / sizeof(struct function)
#define DEBUG_FUNCTIONS(...)                                                                       \
	.debug_frame = (const struct function[]){__VA_ARGS__},                                     \
	.n_debug_frame = sizeof((const struct function[]){__VA_ARGS__}) / sizeof(struct function)

START_TEST(what_no_function_covers_is_a_gap)
{
	const struct layout layout = {FUNCTIONS({0x1100, 0x20, 1}, {0x1200, 0x20, 2})};

	check_layout(&layout, "0:- 1100:rsp+1 1120:- 1200:rsp+2 1220:-");
}
END_TEST

START_TEST(the_gap_behind_clones_system_call_is_told_by_its_code)
{
	static const uint8_t code[] = {0x0f, 0x05, 0x48, 0x85, 0xc0, 0x7c, 0x13, 0x74, 0x01, 0xc3};
	static uint8_t image[FILE_SIZE];
	const struct layout layout = {
		FUNCTIONS({0x1100, 0x17, 1}, {0x1121, 0x1f, 2}), .image = image};

	memcpy(image + 0x1117, code, sizeof(code));
	check_layout(&layout, "0:- 1100:rsp+1 1117:clone 1121:rsp+2 1140:-");
	/* Anything else is a gap: another register tested, bytes behind it. */
	image[0x111b] = 0xc9;
	check_layout(&layout, "0:- 1100:rsp+1 1117:- 1121:rsp+2 1140:-");
	image[0x111b] = 0xc0;
	image[0x1120] = 0x90;
	check_layout(&layout, "0:- 1100:rsp+1 1117:- 1121:rsp+2 1140:-");
}
END_TEST

START_TEST(a_context_begins_one_byte_before_its_function)
{
	static const uint8_t code[] = {0x48, 0x89, 0xdc};
	static uint8_t image[FILE_SIZE];
	const struct layout padded = {
		FUNCTIONS({0x1100, 0x1c, 1}, {0x1120, 0x1a, 1}, {0x1140, 8, 1}), .image = image};
	const struct layout close = {
		FUNCTIONS({0x1100, 0x20, 1}, {0x1120, 0x1a, 1}), .image = image};
	const struct layout one_apart = {
		FUNCTIONS({0x1100, 0x1f, 1}, {0x1120, 0x1a, 1}), .image = image};

	memcpy(image + 0x1120, code, sizeof(code));
	check_layout(&padded, "0:- 1100:rsp+1 111c:- 111f:context 113a:- 1140:rsp+1 1148:-");
	check_layout(&close, "0:- 1100:rsp+1 1120:context 113a:-");
	check_layout(&one_apart, "0:- 1100:rsp+1 111f:context 113a:-");
}
END_TEST

static void functions_begin_late(struct unwind_input *input)
{
	static const struct function late[] = {{0x81000, 0x20, 2}};
	CLEANUP(buffer_done) struct buffer eh_frame = {0};
	CLEANUP(unwind_table_done) struct unwind_table table = {0};
	struct cfi_section section;
	struct unwind_input with_late = *input;

	put_section(&eh_frame, late, ARRAY_SIZE(late), false);
	section = (struct cfi_section){
		.data = (const uint8_t *)eh_frame.data, .size = eh_frame.size};
	with_late.sections = &section;
	ck_assert_int_eq(unwind_table_build(&with_late, &table), 0);
	check_rows(&table, "0:- 81000:rsp+2 81020:-");
}

/* V8's built-in functions: code without FDEs, and with frame pointers. */
START_TEST(a_gap_in_bulk_is_code_with_frame_pointers)
{
	static const struct function functions[] = {{0x1100, 0x20, 1}, {0x81000, 0x20, 2}};
	static const struct elf_segment one = {TEXT_OFFSET, TEXT, 0x100000};
	static const struct elf_segment two[] = {
		{TEXT_OFFSET, TEXT, 0x40000}, {TEXT_OFFSET + 0x40000, TEXT + 0x40000, 0x100000}};
	CLEANUP(buffer_done) struct buffer eh_frame = {0};
	CLEANUP(unwind_table_done) struct unwind_table table = {0}, apart = {0};
	struct cfi_section section;
	struct unwind_input input = {.sections = &section,
		.n_sections = 1,
		.segments = &one,
		.n_segments = 1,
		.file_size = 0x200000};

	put_section(&eh_frame, functions, ARRAY_SIZE(functions), false);
	section = (struct cfi_section){
		.data = (const uint8_t *)eh_frame.data, .size = eh_frame.size};
	ck_assert_int_eq(unwind_table_build(&input, &table), 0);
	check_rows(&table, "0:- 1100:rsp+1 1120:rbp+2 81000:rsp+2 81020:-");
	/* Not before the first function: the one segment of a file begins with its headers. */
	functions_begin_late(&input);
	/* Not where it is no code, between two segments. */
	input.segments = two;
	input.n_segments = 2;
	ck_assert_int_eq(unwind_table_build(&input, &apart), 0);
	check_rows(&apart, "0:- 1100:rsp+1 1120:- 81000:rsp+2 81020:-");
}
END_TEST

START_TEST(functions_are_sorted_by_file_offset)
{
	const struct layout layout = {FUNCTIONS(
		{0x1800, 0x20, 3}, {0x1200, 0x20, 2}, {0x1900, 0x20, 4}, {0x1100, 0x20, 1})};

	check_layout(&layout,
		"0:- 1100:rsp+1 1120:- 1200:rsp+2 1220:- 1800:rsp+3 1820:- 1900:rsp+4 1920:-");
}
END_TEST

START_TEST(equal_neighbours_are_one_row)
{
	const struct layout layout = {
		FUNCTIONS({0x1100, 0x20, 2}, {0x1120, 0x20, 2}, {0x1140, 0x20, 1})};

	check_layout(&layout, "0:- 1100:rsp+2 1140:rsp+1 1160:-");
}
END_TEST

START_TEST(padding_before_an_aligned_function_is_folded_between_equal_rules_only)
{
	const struct layout equal = {FUNCTIONS({0x1100, 0x11, 1}, {0x1120, 0x20, 1})};
	const struct layout different = {FUNCTIONS({0x1100, 0x11, 1}, {0x1120, 0x20, 2})};
	const struct layout longer = {FUNCTIONS({0x1100, 0x10, 1}, {0x1120, 0x20, 1})};
	const struct layout unaligned = {FUNCTIONS({0x1100, 0x11, 1}, {0x1118, 0x20, 1})};

	check_layout(&equal, "0:- 1100:rsp+1 1140:-");
	check_layout(&different, "0:- 1100:rsp+1 1111:- 1120:rsp+2 1140:-");
	check_layout(&longer, "0:- 1100:rsp+1 1110:- 1120:rsp+1 1140:-");
	check_layout(&unaligned, "0:- 1100:rsp+1 1111:- 1118:rsp+1 1138:-");
}
END_TEST

START_TEST(a_later_start_ends_the_earlier_function_for_good)
{
	const struct layout layout = {FUNCTIONS({0x1100, 0x300, 1}, {0x1200, 0x20, 2})};
	CLEANUP(unwind_table_done) struct unwind_table table = {0};

	ck_assert_int_eq(build(&layout, &table), 0);
	check_rows(&table, "0:- 1100:rsp+1 1200:rsp+2 1220:-");
	ck_assert_uint_eq(table.n_overlaps, 1);
	ck_assert_uint_eq(table.n_fdes, 2);
}
END_TEST

START_TEST(of_equal_starts_the_first_in_the_section_stays)
{
	const struct layout layout = {
		FUNCTIONS({0x1200, 0x20, 4}, {0x1100, 0x20, 2}, {0x1100, 0x40, 1})};

	check_layout(&layout, "0:- 1100:rsp+2 1120:- 1200:rsp+4 1220:-");
}
END_TEST

START_TEST(debug_frame_fills_only_what_eh_frame_leaves_free)
{
	const struct layout layout = {
		FUNCTIONS({0x1100, 0x40, 1}, {0x1180, 0x40, 2}),
		DEBUG_FUNCTIONS({0x1080, 0x200, 3}, {0x1300, 0x20, 4}),
	};

	check_layout(&layout,
		"0:- 1080:rsp+3 1100:rsp+1 1140:rsp+3 1180:rsp+2 11c0:rsp+3 1280:- 1300:rsp+4 "
		"1320:-");
}
END_TEST

START_TEST(debug_frame_alone_is_enough)
{
	const struct layout layout = {DEBUG_FUNCTIONS({0x1100, 0x20, 3})};

	check_layout(&layout, "0:- 1100:rsp+3 1120:-");
}
END_TEST

START_TEST(functions_outside_every_segment_are_counted_and_dropped)
{
	const struct layout layout = {FUNCTIONS({0, 0x20, 1}, {0x900, 0x20, 1}, {0x1100, 0x20, 2},
		{0x2000, 0x20, 1}, {0x1200, 0, 1})};
	CLEANUP(unwind_table_done) struct unwind_table table = {0};

	ck_assert_int_eq(build(&layout, &table), 0);
	check_rows(&table, "0:- 1100:rsp+2 1120:-");
	ck_assert_uint_eq(table.n_outside, 4);
}
END_TEST

START_TEST(a_function_ends_with_its_segment)
{
	const struct layout layout = {FUNCTIONS({0x1ff0, 0x1000, 2})};

	check_layout(&layout, "0:- 1ff0:rsp+2 2000:-");
}
END_TEST

START_TEST(an_entry_without_a_function_is_an_end)
{
	const struct layout before = {
		FUNCTIONS({0x1100, 0x20, 1}, {0x1800, 0x20, 1}), .entry = 0x1040};
	const struct layout between = {
		FUNCTIONS({0x1100, 0x20, 1}, {0x1800, 0x20, 1}), .entry = 0x1400};
	const struct layout after = {FUNCTIONS({0x1100, 0x20, 1}), .entry = 0x1f80};
	const struct layout at_once = {
		FUNCTIONS({0x1100, 0x11, 1}, {0x1120, 0x20, 1}), .entry = 0x1111};

	check_layout(&before, "0:- 1040:end 1100:rsp+1 1120:- 1800:rsp+1 1820:-");
	check_layout(&between, "0:- 1100:rsp+1 1120:- 1400:end 1500:- 1800:rsp+1 1820:-");
	check_layout(&after, "0:- 1100:rsp+1 1120:- 1f80:end 2080:-");
	check_layout(&at_once, "0:- 1100:rsp+1 1111:end 1120:rsp+1 1140:-");
}
END_TEST

START_TEST(an_entry_with_a_function_keeps_its_rule)
{
	const struct layout layout = {FUNCTIONS({0x1100, 0x20, 1}), .entry = 0x1110};

	check_layout(&layout, "0:- 1100:rsp+1 1120:-");
}
END_TEST

START_TEST(what_no_row_can_say_is_unsupported_and_counted)
{
	const struct layout layout = {FUNCTIONS({0x1100, 0x20, 0}, {0x1120, 0x20, 1})};
	CLEANUP(unwind_table_done) struct unwind_table table = {0};

	ck_assert_int_eq(build(&layout, &table), 0);
	check_rows(&table, "0:- 1100:? 1120:rsp+1 1140:-");
	ck_assert_uint_eq(table.n_reasons[CFI_CFA_OTHER_REGISTER], 1);
	ck_assert_uint_eq(table.n_kinds[ABI_CFA_UNSUPPORTED], 1);
	ck_assert_uint_eq(table.n_kinds[ABI_CFA_RSP], 1);
	ck_assert_uint_eq(table.n_kinds[ABI_CFA_GAP], 2);
}
END_TEST

START_TEST(without_functions_there_is_no_table)
{
	const struct layout layout = {0};
	const struct unwind_input nothing = {.file_size = FILE_SIZE};
	struct unwind_table table = {.n = 42};

	ck_assert_int_eq(build(&layout, &table), UNWIND_NONE);
	ck_assert_int_eq(unwind_table_build(&nothing, &table), UNWIND_NONE);
	ck_assert_uint_eq(table.n, 42);
}
END_TEST

START_TEST(a_file_beyond_4_gib_is_refused)
{
	const struct unwind_input input = {.file_size = UINT64_C(1) << 32};
	struct unwind_table table;

	ck_assert_int_eq(unwind_table_build(&input, &table), UNWIND_TOO_LARGE);
}
END_TEST

/* Segments may lie: nothing may come out behind the file's end, or wrap around. */
START_TEST(segments_beyond_the_file_or_the_address_space_do_no_harm)
{
	static const struct function functions[] = {{0x1100, 0x2000, 1}, {0x1f00, 0x20, 2}};
	static const struct elf_segment liars[] = {
		{0x1000, TEXT, UINT64_MAX},
		{UINT64_MAX - 0x10, TEXT, 0x10000},
		{0x2ff0, TEXT - 0x100, 0x10000},
		{0, UINT64_MAX - 0x100, UINT64_MAX},
	};
	CLEANUP(buffer_done) struct buffer bytes = {0};
	struct cfi_section section;

	put_section(&bytes, functions, ARRAY_SIZE(functions), false);
	section = (struct cfi_section){.data = (const uint8_t *)bytes.data, .size = bytes.size};
	for (size_t i = 0; i < ARRAY_SIZE(liars); i++) {
		CLEANUP(unwind_table_done) struct unwind_table table = {0};
		const struct unwind_input input = {
			.sections = &section,
			.n_sections = 1,
			.segments = &liars[i],
			.n_segments = 1,
			.file_size = FILE_SIZE,
			.entry = TEXT,
		};

		if (unwind_table_build(&input, &table) == 0)
			ck_assert_int_eq(rows_validate(table.rows, table.n, FILE_SIZE), 0);
		else
			ck_assert_uint_ne(i, 0);
	}
}
END_TEST

START_TEST(a_table_beyond_its_rows_is_refused)
{
	static const struct elf_segment segment = {0, TEXT, UINT32_MAX};
	CLEANUP(buffer_done) struct buffer bytes = {0};
	CLEANUP(unwind_table_done) struct unwind_table table = {0};
	struct cfi_section section;
	struct unwind_input input;
	size_t n_pairs = UNWIND_ROWS_MAX + 1, program_start;
	uint32_t length;

	put_section(&bytes, NULL, 0, false);
	program_start = bytes.size + 24;
	length = (uint32_t)(20 + 3 * n_pairs);
	put(&bytes, length, 4);
	put(&bytes, bytes.size, 4);
	put(&bytes, TEXT + 16, 8);
	put(&bytes, UINT32_MAX - 16, 8);
	ck_assert_uint_eq(bytes.size, program_start);
	for (size_t i = 0; i < n_pairs; i++) {
		put(&bytes, DW_CFA_advance_loc | 1, 1);
		put(&bytes, DW_CFA_def_cfa_offset, 1);
		put(&bytes, i % 2 ? 8 : 16, 1);
	}
	section = (struct cfi_section){.data = (const uint8_t *)bytes.data, .size = bytes.size};
	input = (struct unwind_input){
		.sections = &section,
		.n_sections = 1,
		.segments = &segment,
		.n_segments = 1,
		.file_size = UINT32_MAX,
	};
	ck_assert_int_eq(unwind_table_build(&input, &table), UNWIND_TOO_LARGE);
	/* Three rows fewer, with those before and behind, just fit. */
	length -= 3 * 4;
	memcpy(bytes.data + program_start - 24, &length, 4);
	section.size = bytes.size - 3 * 4;
	ck_assert_int_eq(unwind_table_build(&input, &table), 0);
	ck_assert_uint_eq(table.n, UNWIND_ROWS_MAX);
	ck_assert_int_eq(rows_validate(table.rows, table.n, UINT32_MAX), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_no_function_covers_is_a_gap,
		the_gap_behind_clones_system_call_is_told_by_its_code,
		a_context_begins_one_byte_before_its_function,
		a_gap_in_bulk_is_code_with_frame_pointers,
		functions_are_sorted_by_file_offset,
		equal_neighbours_are_one_row,
		padding_before_an_aligned_function_is_folded_between_equal_rules_only,
		a_later_start_ends_the_earlier_function_for_good,
		of_equal_starts_the_first_in_the_section_stays,
		debug_frame_fills_only_what_eh_frame_leaves_free,
		debug_frame_alone_is_enough,
		functions_outside_every_segment_are_counted_and_dropped,
		a_function_ends_with_its_segment,
		an_entry_without_a_function_is_an_end,
		an_entry_with_a_function_keeps_its_rule,
		what_no_row_can_say_is_unsupported_and_counted,
		without_functions_there_is_no_table,
		a_file_beyond_4_gib_is_refused,
		segments_beyond_the_file_or_the_address_space_do_no_harm,
		a_table_beyond_its_rows_is_refused,
	};

	return check_main("unwind-table", tests, ARRAY_SIZE(tests));
}
