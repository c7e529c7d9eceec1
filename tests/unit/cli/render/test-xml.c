// SPDX-License-Identifier: GPL-2.0-or-later
/* Nothing that a program calls itself can be markup, script or an invalid document. */

#include "cli/render/xml.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

START_TEST(markup_becomes_text)
{
	static const struct {
		const char *text, *xml, *json;
	} cases[] = {
		{"plain", "plain", "\"plain\""},
		{"<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;", "\"\\u003cb\\u003e\\u0026\\u0022'\""},
		{"]]>", "]]&gt;", "\"]]\\u003e\""},
		{"a\\b", "a\\b", "\"a\\\\b\""},
		{"tab\there\n", "tab?here?", "\"tab?here?\""},
		{"\x1b[31m\x7f", "?[31m?", "\"?[31m?\""},
		{"h\xc3\xa9", "h\xc3\xa9", "\"h\xc3\xa9\""},
		{"\xf0\x9f\x94\xa5", "\xf0\x9f\x94\xa5", "\"\xf0\x9f\x94\xa5\""},
		{"\xff\xfe", "??", "\"??\""},
		{"\xc3", "?", "\"?\""},
		{"\xed\xa0\x80", "???", "\"???\""}, /* a lone surrogate */
		{"\xef\xbf\xbe", "?", "\"?\""}, /* U+FFFE */
		{"\xef\xbf\xbf", "?", "\"?\""}, /* U+FFFF */
		{"\xc2\x85", "?", "\"?\""}, /* C1: next line */
		{"", "", "\"\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buffer_done) struct buffer xml = {0}, json = {0};

		xml_append_text(&xml, cases[i].text);
		xml_append_json_string(&json, cases[i].text);
		ck_assert_str_eq(xml.data ? xml.data : "", cases[i].xml);
		ck_assert_str_eq(json.data, cases[i].json);
	}
}
END_TEST

START_TEST(no_byte_escapes)
{
	for (int a = 0; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			CLEANUP(buffer_done) struct buffer xml = {0};
			char text[2] = {(char)a, (char)b};

			xml_append(&xml, text, 2);
			ck_assert_ptr_null(memchr(xml.data, '<', xml.size));
			ck_assert_ptr_null(memchr(xml.data, '>', xml.size));
			ck_assert_ptr_null(memchr(xml.data, '"', xml.size));
			for (size_t i = 0; i < xml.size; i++)
				ck_assert_uint_ge((unsigned char)xml.data[i], 0x20);
		}
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {markup_becomes_text, no_byte_escapes};

	return check_main("render/xml", tests, ARRAY_SIZE(tests));
}
