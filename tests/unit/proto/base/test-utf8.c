/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes in, printable UTF-8 out. */

#include "proto/base/utf8.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

START_TEST(sanitizing_gives_the_expected_text)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"plain text", "plain text"},
		{"", ""},
		{"tab\there\nand\x7f", "tab?here?and?"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"\xff\xfe", "??"},
		{"half \xc3", "half ?"},
		{"half \xe2\x82", "half ??"},
		{"overlong \xc0\xaf", "overlong ??"},
		{"surrogate \xed\xa0\x80", "surrogate ???"},
		{"\xf4\x90\x80\x80", "????"},
		{"\xf0\x9f\x94\xa5", "\xf0\x9f\x94\xa5"},
		{"c1 \xc2\x85 is control", "c1 ? is control"},
		{"\xc2\xa0 is not", "\xc2\xa0 is not"},
		{"\x1b[31m", "?[31m"},
		{"\x80\x80", "??"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];
		size_t n;

		strcpy(text, cases[i].in);
		n = utf8_sanitize(text, strlen(text));
		ck_assert_str_eq(text, cases[i].out);
		ck_assert_uint_eq(n, strlen(cases[i].out));
		ck_assert(utf8_is_valid(text, n));
		ck_assert_int_eq(utf8_is_valid(cases[i].in, strlen(cases[i].in)),
			!strchr(cases[i].out, '?') || !strcmp(cases[i].in, cases[i].out) ||
				i == 2 || i == 11 || i == 13);
	}
}
END_TEST

START_TEST(every_two_bytes_come_out_valid_and_not_longer)
{
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++) {
			char text[3] = {(char)a, (char)b, '\0'};
			size_t n = utf8_sanitize(text, 2);

			ck_assert_uint_le(n, 2);
			ck_assert(utf8_is_valid(text, n));
			for (size_t i = 0; i < n; i++)
				ck_assert_uint_ge((unsigned char)text[i], ' ');
		}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		sanitizing_gives_the_expected_text,
		every_two_bytes_come_out_valid_and_not_longer,
	};

	return check_main("utf8", tests, ARRAY_SIZE(tests));
}
