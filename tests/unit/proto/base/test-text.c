/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Strict parsers and plain formatters, by tables. */

#include "proto/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

START_TEST(whole_numbers_are_parsed_whole_or_not_at_all)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{"0", 0, 0},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"007", 0, 7},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 77;

		ck_assert_int_eq(text_parse_u64(cases[i].text, &value), cases[i].r);
		ck_assert_uint_eq(value, cases[i].r ? 77 : cases[i].value);
	}
}
END_TEST

START_TEST(a_32_bit_number_ends_at_its_largest)
{
	uint32_t value = 5;

	ck_assert_int_eq(text_parse_u32("4294967295", &value), 0);
	ck_assert_uint_eq(value, UINT32_MAX);
	ck_assert_int_eq(text_parse_u32("4294967296", &value), -ERANGE);
	ck_assert_uint_eq(value, UINT32_MAX);
}
END_TEST

START_TEST(fractions_are_finite_decimal_numbers)
{
	double value = 1;

	ck_assert_int_eq(text_parse_double("99.5", &value), 0);
	ck_assert_double_eq(value, 99.5);
	ck_assert_int_eq(text_parse_double(".5", &value), 0);
	ck_assert_double_eq(value, 0.5);
	ck_assert_int_eq(text_parse_double("nan", &value), -EINVAL);
	ck_assert_int_eq(text_parse_double("inf", &value), -EINVAL);
	ck_assert_int_eq(text_parse_double("1e999", &value), -ERANGE);
	ck_assert_int_eq(text_parse_double("1.2.3", &value), -EINVAL);
	ck_assert_int_eq(text_parse_double("", &value), -EINVAL);
	ck_assert_int_eq(text_parse_double(" 1", &value), -EINVAL);
	ck_assert_double_eq(value, 0.5);
}
END_TEST

START_TEST(durations_have_units_and_bare_numbers_are_seconds)
{
	static const struct {
		const char *text;
		int r;
		uint64_t ns;
	} cases[] = {
		{"5", 0, 5000000000},
		{"0.5", 0, 500000000},
		{"1m30s", 0, 90000000000},
		{"250ms", 0, 250000000},
		{"10us", 0, 10000},
		{"2h", 0, 7200000000000},
		{"2d", 0, 172800000000000},
		{"1h1m1s", 0, 3661000000000},
		{"", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"-5", -EINVAL, 0},
		{"5x", -EINVAL, 0},
		{"1m30", 0, 90000000000},
		{"5 s", -EINVAL, 0},
		{"1e300", -ERANGE, 0},
		{".", -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ns = 77;
		int r = text_parse_duration(cases[i].text, &ns);

		ck_assert_msg(r == cases[i].r, "%s: %d", cases[i].text, r);
		ck_assert_uint_eq(ns, cases[i].r ? 77 : cases[i].ns);
	}
}
END_TEST

START_TEST(durations_are_written_for_people)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {{0, "0 ms"}, {250000000, "250 ms"}, {3000000000, "3.0 s"},
		{90000000000, "1 min 30 s"}, {7260000000000, "2 h 1 min"}};
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_str_eq(
			text_format_duration(cases[i].ns, text, sizeof(text)), cases[i].text);
}
END_TEST

START_TEST(sizes_are_written_in_binary_units)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {{0, "0 B"}, {1023, "1023 B"}, {1024, "1.0 KiB"}, {17408, "17.0 KiB"},
		{UINT64_MAX, "16.0 EiB"}};
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_str_eq(
			text_format_bytes(cases[i].bytes, text, sizeof(text)), cases[i].text);
}
END_TEST

START_TEST(hexadecimal_goes_there_and_back)
{
	const unsigned char bytes[] = {0x00, 0x1f, 0xab, 0xff};
	unsigned char back[4] = {};
	char text[9];

	text_format_hex(bytes, sizeof(bytes), text);
	ck_assert_str_eq(text, "001fabff");
	ck_assert_int_eq(text_parse_hex(text, back, sizeof(back)), 4);
	ck_assert_mem_eq(back, bytes, 4);
	ck_assert_int_eq(text_parse_hex("001FABFF", back, sizeof(back)), 4);
	ck_assert_int_eq(text_parse_hex("00112233aa", back, sizeof(back)), -EINVAL);
	ck_assert_int_eq(text_parse_hex("0", back, sizeof(back)), -EINVAL);
	ck_assert_int_eq(text_parse_hex("0g", back, sizeof(back)), -EINVAL);
	ck_assert_int_eq(text_parse_hex("", back, sizeof(back)), 0);
}
END_TEST

START_TEST(names_are_taken_apart)
{
	ck_assert_str_eq(text_base_name("/usr/bin/env"), "env");
	ck_assert_str_eq(text_base_name("env"), "env");
	ck_assert_str_eq(text_base_name("/usr/bin/"), "");
	ck_assert(text_starts_with("perfctl", "perf"));
	ck_assert(!text_starts_with("per", "perf"));
	ck_assert(text_ends_with("a.pb.gz", ".pb.gz"));
	ck_assert(!text_ends_with("gz", ".pb.gz"));
}
END_TEST

START_TEST(a_file_is_read_whole_or_refused)
{
	char path[] = "/tmp/perfctl-test-text-XXXXXX";
	CLEANUP(closep) int fd = mkstemp(path);
	CLEANUP(freep) char *text = NULL;
	size_t size = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "0123456789", 10), 10);
	ck_assert_int_eq(text_read_file(AT_FDCWD, path, 9, &text, &size), -EFBIG);
	ck_assert_ptr_null(text);
	ck_assert_int_eq(text_read_file(AT_FDCWD, path, 10, &text, &size), 0);
	ck_assert_str_eq(text, "0123456789");
	ck_assert_uint_eq(size, 10);
	unlink(path);
	ck_assert_int_eq(text_read_file(AT_FDCWD, path, 10, &text, &size), -ENOENT);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		whole_numbers_are_parsed_whole_or_not_at_all,
		a_32_bit_number_ends_at_its_largest,
		fractions_are_finite_decimal_numbers,
		durations_have_units_and_bare_numbers_are_seconds,
		durations_are_written_for_people,
		sizes_are_written_in_binary_units,
		hexadecimal_goes_there_and_back,
		names_are_taken_apart,
		a_file_is_read_whole_or_refused,
	};

	return check_main("text", tests, ARRAY_SIZE(tests));
}
