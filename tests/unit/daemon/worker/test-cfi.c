/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Records of both kinds of section, built by hand: lengths, versions, augmentations, pointers, and
 * what must be refused. */

#include "daemon/worker/cfi.h"

#include <dwarf.h>

#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define ADDRESS UINT64_C(0x500000) /* of the section */
#define START UINT64_C(0x401234)
#define SIZE 0x56

/* How a section is written; zeroes mean the usual. */
struct shape {
	const char *name;
	const char *augmentation;
	uint8_t augmentation_data[16];
	size_t n_augmentation_data;
	uint8_t version; /* 0: 1 */
	int encoding;
	bool is_debug_frame, is_64bit, is_refused, is_signal;
	uint64_t return_column; /* 0: 16 */
	uint16_t sizes; /* version 4: address size, segment selector size; 0: 8 and 0 */
};

#define DATA(...)                                                                                  \
	.augmentation_data = {__VA_ARGS__},                                                        \
	.n_augmentation_data = sizeof((const uint8_t[]){__VA_ARGS__})

static const struct shape shapes[] = {
	{"no augmentation", ""},
	{"length only", "z"},
	{"eh", "eh"},
	{"pcrel sdata4", "zR", DATA(DW_EH_PE_pcrel | DW_EH_PE_sdata4),
		.encoding = DW_EH_PE_pcrel | DW_EH_PE_sdata4},
	{"pcrel sdata8", "zR", DATA(DW_EH_PE_pcrel | DW_EH_PE_sdata8),
		.encoding = DW_EH_PE_pcrel | DW_EH_PE_sdata8},
	{"absolute udata4", "zR", DATA(DW_EH_PE_udata4), .encoding = DW_EH_PE_udata4},
	{"absolute udata8", "zR", DATA(DW_EH_PE_udata8), .encoding = DW_EH_PE_udata8},
	{"absolute uleb128", "zR", DATA(DW_EH_PE_uleb128), .encoding = DW_EH_PE_uleb128},
	{"absolute sleb128", "zR", DATA(DW_EH_PE_sleb128), .encoding = DW_EH_PE_sleb128},
	{"textrel sdata4", "zR", DATA(DW_EH_PE_textrel | DW_EH_PE_sdata4),
		.encoding = DW_EH_PE_textrel | DW_EH_PE_sdata4},
	{"datarel udata2", "zR", DATA(DW_EH_PE_datarel | DW_EH_PE_udata2),
		.encoding = DW_EH_PE_datarel | DW_EH_PE_udata2},
	{"datarel sdata2", "zR", DATA(DW_EH_PE_datarel | DW_EH_PE_sdata2),
		.encoding = DW_EH_PE_datarel | DW_EH_PE_sdata2},
	{"personality and language data", "zPLR",
		DATA(DW_EH_PE_indirect | DW_EH_PE_pcrel | DW_EH_PE_sdata4, 1, 2, 3, 4,
			DW_EH_PE_pcrel, DW_EH_PE_udata8),
		.encoding = DW_EH_PE_udata8},
	{"signal", "zRS", DATA(DW_EH_PE_udata4), .encoding = DW_EH_PE_udata4, .is_signal = true},
	{"more data than letters", "zR", DATA(DW_EH_PE_udata4, 9, 9, 9),
		.encoding = DW_EH_PE_udata4},
	{"less data than letters", "zPR", DATA(DW_EH_PE_udata8), .is_refused = true},
	{"indirect", "zR", DATA(DW_EH_PE_indirect | DW_EH_PE_udata4), .encoding = DW_EH_PE_udata4,
		.is_refused = true},
	{"omitted", "zR", DATA(DW_EH_PE_omit), .is_refused = true},
	{"relative to the function", "zR", DATA(DW_EH_PE_funcrel), .is_refused = true},
	{"of a format that does not exist", "zR", DATA(0x05), .is_refused = true},
	{"an unknown letter", "zXR", DATA(DW_EH_PE_udata4), .is_refused = true},
	{"letters without z", "R", .is_refused = true},
	{"version 3", "", .version = 3},
	{"version 4", "", .version = 4},
	{"version 4 of 4-byte addresses", "", .version = 4, .sizes = 4, .is_refused = true},
	{"version 4 with segments", "", .version = 4, .sizes = 0x408, .is_refused = true},
	{"version 2", "", .version = 2, .is_refused = true},
	{"another machine's return address", "", .return_column = 17, .is_refused = true},
	{"64-bit length", "", .is_64bit = true},
	{"debug_frame", "", .is_debug_frame = true},
	{"debug_frame, version 3", "", .version = 3, .is_debug_frame = true},
	{"debug_frame, version 4", "", .version = 4, .is_debug_frame = true},
	{"debug_frame, 64-bit", "", .is_64bit = true, .is_debug_frame = true},
};

#define TEXT_BASE UINT64_C(0x400000)
#define DATA_BASE UINT64_C(0x401200)

static void put(struct buffer *out, uint64_t value, size_t n)
{
	buffer_append(out, &value, n);
}

static void put_leb(struct buffer *out, uint64_t value)
{
	for (; value >= 0x40; value >>= 7) /* a clear sign bit, so that it serves for both */
		put(out, (value & 0x7f) | 0x80, 1);
	put(out, value, 1);
}

static void put_value(struct buffer *out, uint64_t value, int encoding)
{
	static const uint8_t sizes[16] = {
		8, [DW_EH_PE_udata2] = 2, 4, 8, [DW_EH_PE_sdata2] = 2, 4, 8};

	if (sizes[encoding & 15])
		put(out, value, sizes[encoding & 15]);
	else
		put_leb(out, value);
}

static void put_pointer(struct buffer *out, uint64_t value, int encoding)
{
	switch (encoding & 0x70) {
	case DW_EH_PE_pcrel:
		value -= ADDRESS + out->size;
		break;
	case DW_EH_PE_textrel:
		value -= TEXT_BASE;
		break;
	case DW_EH_PE_datarel:
		value -= DATA_BASE;
		break;
	}
	put_value(out, value, encoding);
}

/* Begins a record; its length is filled in by end_record(). */
static size_t begin_record(struct buffer *out, const struct shape *shape)
{
	if (shape->is_64bit)
		put(out, UINT32_MAX, 4);
	put(out, 0, shape->is_64bit ? 8 : 4);
	return out->size;
}

static void end_record(struct buffer *out, const struct shape *shape, size_t start)
{
	uint64_t length = out->size - start;
	size_t n = shape->is_64bit ? 8 : 4;

	memcpy(out->data + start - n, &length, n);
}

static void put_cie(struct buffer *out, const struct shape *shape)
{
	static const uint8_t program[] = {DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1};
	size_t start = begin_record(out, shape);
	uint64_t column = shape->return_column ? shape->return_column : 16;

	put(out, shape->is_debug_frame ? UINT64_MAX : 0,
		shape->is_debug_frame && shape->is_64bit ? 8 : 4);
	put(out, shape->version ? shape->version : 1, 1);
	buffer_append(out, shape->augmentation, strlen(shape->augmentation) + 1);
	if (!strcmp(shape->augmentation, "eh"))
		put(out, 0, 8);
	if (shape->version == 4)
		put(out, shape->sizes ? shape->sizes : 8, 2);
	put(out, 1, 1);
	put(out, 0x78, 1); /* -8 */
	put(out, column, 1);
	if (shape->augmentation[0] == 'z') {
		put(out, shape->n_augmentation_data, 1);
		buffer_append(out, shape->augmentation_data, shape->n_augmentation_data);
	}
	buffer_append(out, program, sizeof(program));
	end_record(out, shape, start);
}

static void put_fde(struct buffer *out, const struct shape *shape, size_t cie, uint64_t address)
{
	size_t start = begin_record(out, shape);

	put(out, shape->is_debug_frame ? cie : out->size - cie,
		shape->is_debug_frame && shape->is_64bit ? 8 : 4);
	put_pointer(out, address, shape->encoding);
	put_value(out, SIZE, shape->encoding);
	if (shape->augmentation[0] == 'z') {
		put(out, 2, 1);
		put(out, 0xffff, 2); /* would be bad instructions */
	}
	put(out, DW_CFA_advance_loc | 1, 1);
	put(out, DW_CFA_nop, 1);
	end_record(out, shape, start);
}

/* An exact copy, so that a sanitizer sees a read beyond the end. */
static struct cfi_section section_of(
	const struct shape *shape, const char *data, size_t n, uint8_t **ret_exact)
{
	*ret_exact = malloc(n + !n);
	memcpy(*ret_exact, data, n);
	return (struct cfi_section){.data = *ret_exact,
		.size = n,
		.address = ADDRESS,
		.text_base = TEXT_BASE,
		.data_base = DATA_BASE,
		.is_debug_frame = shape->is_debug_frame};
}

START_TEST(each_way_to_write_a_record_is_read_or_refused)
{
	const struct shape *shape = &shapes[_i];
	CLEANUP(buffer_done) struct buffer bytes = {0};
	CLEANUP(freep) uint8_t *exact = NULL;
	struct cfi_section section;
	struct cfi_reader reader;
	struct cfi_fde fde;

	put_cie(&bytes, shape);
	put_fde(&bytes, shape, 0, START);
	section = section_of(shape, bytes.data, bytes.size, &exact);
	cfi_reader_init(&reader, &section);
	ck_assert_msg(cfi_next(&reader, &fde) == !shape->is_refused, "%s", shape->name);
	if (!shape->is_refused) {
		ck_assert_msg(fde.start == START && fde.size == SIZE, "%s: %#lx %#lx", shape->name,
			fde.start, fde.size);
		ck_assert_msg(cfi_left(&fde.program) == 2 &&
				fde.program.at[0] == (DW_CFA_advance_loc | 1),
			"%s: program", shape->name);
		ck_assert(fde.cie->is_signal == shape->is_signal && !fde.cie->is_bad_program);
		ck_assert_int_eq(fde.cie->initial.cfa.offset, 8);
		ck_assert_int_eq(fde.cie->initial.ra.offset, -8);
		ck_assert(!cfi_next(&reader, &fde));
	}
	ck_assert_uint_eq(reader.n_fdes, 1);
	ck_assert_uint_eq(reader.n_bad_fdes, shape->is_refused);
}
END_TEST

START_TEST(a_pointer_without_its_base_is_refused)
{
	const struct shape *shape = &shapes[9];
	CLEANUP(buffer_done) struct buffer bytes = {0};
	CLEANUP(freep) uint8_t *exact = NULL;
	struct cfi_section section;
	struct cfi_reader reader;
	struct cfi_fde fde;

	ck_assert_str_eq(shape->name, "textrel sdata4");
	put_cie(&bytes, shape);
	put_fde(&bytes, shape, 0, START);
	section = section_of(shape, bytes.data, bytes.size, &exact);
	section.text_base = 0;
	cfi_reader_init(&reader, &section);
	ck_assert(!cfi_next(&reader, &fde));
}
END_TEST

/* A section cut anywhere gives what was whole before the cut, and never reads behind it. */
START_TEST(a_section_may_end_anywhere)
{
	const struct shape *shape = &shapes[_i];
	CLEANUP(buffer_done) struct buffer bytes = {0};
	size_t first_end;

	put_cie(&bytes, shape);
	put_fde(&bytes, shape, 0, START);
	first_end = bytes.size;
	put_fde(&bytes, shape, 0, START + SIZE);
	for (size_t n = 0; n <= bytes.size; n++) {
		CLEANUP(freep) uint8_t *exact = NULL;
		struct cfi_section section = section_of(shape, bytes.data, n, &exact);
		struct cfi_reader reader;
		struct cfi_fde fde;
		size_t n_read = 0;

		cfi_reader_init(&reader, &section);
		while (cfi_next(&reader, &fde))
			n_read++;
		ck_assert_uint_eq(n_read,
			shape->is_refused ? 0 : (size_t)((n >= first_end) + (n == bytes.size)));
	}
}
END_TEST

START_TEST(entries_may_alternate_between_more_cies_than_are_cached)
{
	const struct shape plain = {"plain", ""};
	CLEANUP(buffer_done) struct buffer bytes = {0};
	CLEANUP(freep) uint8_t *exact = NULL;
	size_t cies[3 * CFI_CIES_CACHED];
	struct cfi_section section;
	struct cfi_reader reader;
	struct cfi_fde fde;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cies); i++) {
		cies[i] = bytes.size;
		put_cie(&bytes, &plain);
	}
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(cies); i++)
			put_fde(&bytes, &plain, cies[i], START + i);
	}
	section = section_of(&plain, bytes.data, bytes.size, &exact);
	cfi_reader_init(&reader, &section);
	while (cfi_next(&reader, &fde))
		ck_assert_uint_eq(fde.start, START + n++ % ARRAY_SIZE(cies));
	ck_assert_uint_eq(n, 3 * ARRAY_SIZE(cies));
}
END_TEST

/* Two huge CIEs in one place of the cache, and entries that name one after the other. */
START_TEST(a_hostile_order_of_entries_is_cut_short)
{
	const struct shape plain = {"plain", ""};
	CLEANUP(buffer_done) struct buffer bytes = {0};
	CLEANUP(freep) uint8_t *exact = NULL, *nops = calloc(1, 512 * 1024);
	struct cfi_section section;
	struct cfi_reader reader;
	struct cfi_fde fde;
	size_t cies[2], n = 0;

	for (size_t i = 0; i < 2; i++) {
		uint32_t length;

		cies[i] = bytes.size;
		put_cie(&bytes, &plain);
		buffer_append(&bytes, nops, 512 * 1024 - (bytes.size - cies[i]));
		length = 512 * 1024 - 4;
		memcpy(bytes.data + cies[i], &length, 4);
	}
	for (size_t i = 0; i < 1000; i++)
		put_fde(&bytes, &plain, cies[i % 2], START);
	section = section_of(&plain, bytes.data, bytes.size, &exact);
	cfi_reader_init(&reader, &section);
	while (cfi_next(&reader, &fde))
		n++;
	ck_assert_uint_eq(reader.n_fdes, 1000);
	ck_assert_uint_ge(n, 10);
	ck_assert_uint_le(n, 20);
	ck_assert_uint_eq(reader.n_bad_fdes, 1000 - n);
}
END_TEST

START_TEST(a_terminator_ends_only_a_section_of_unknown_end)
{
	const struct shape plain = {"plain", ""};
	CLEANUP(buffer_done) struct buffer bytes = {0};

	put_cie(&bytes, &plain);
	put(&bytes, 0, 4);
	put_fde(&bytes, &plain, 0, START);
	for (int is_open_ended = 0; is_open_ended < 2; is_open_ended++) {
		CLEANUP(freep) uint8_t *exact = NULL;
		struct cfi_section section = section_of(&plain, bytes.data, bytes.size, &exact);
		struct cfi_reader reader;
		struct cfi_fde fde;

		section.is_open_ended = is_open_ended;
		cfi_reader_init(&reader, &section);
		ck_assert_int_eq(cfi_next(&reader, &fde), !is_open_ended);
	}
}
END_TEST

START_TEST(an_entry_of_no_cie_is_counted_and_passed_over)
{
	const struct shape plain = {"plain", ""};
	CLEANUP(buffer_done) struct buffer bytes = {0};
	CLEANUP(freep) uint8_t *exact = NULL;
	struct cfi_section section;
	struct cfi_reader reader;
	struct cfi_fde fde;
	size_t first;

	put_cie(&bytes, &plain);
	first = bytes.size;
	put_fde(&bytes, &plain, SIZE_MAX - 100, START);
	put_fde(&bytes, &plain, first, START);
	put_fde(&bytes, &plain, 1, START);
	put_fde(&bytes, &plain, 0, START + 1);
	section = section_of(&plain, bytes.data, bytes.size, &exact);
	cfi_reader_init(&reader, &section);
	ck_assert(cfi_next(&reader, &fde));
	ck_assert_uint_eq(fde.start, START + 1);
	ck_assert(!cfi_next(&reader, &fde));
	ck_assert_uint_eq(reader.n_bad_fdes, 3);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_pointer_without_its_base_is_refused,
		entries_may_alternate_between_more_cies_than_are_cached,
		a_hostile_order_of_entries_is_cut_short,
		a_terminator_ends_only_a_section_of_unknown_end,
		an_entry_of_no_cie_is_counted_and_passed_over,
	};
	Suite *suite = suite_create("cfi");
	TCase *tcase = tcase_create("cfi");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_loop_test(
		tcase, each_way_to_write_a_record_is_read_or_refused, 0, (int)ARRAY_SIZE(shapes));
	tcase_add_loop_test(tcase, a_section_may_end_anywhere, 0, (int)ARRAY_SIZE(shapes));
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
