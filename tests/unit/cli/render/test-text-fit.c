// SPDX-License-Identifier: GPL-2.0-or-later
/* The telling part of a name comes first, and never more than fits. */

#include "cli/render/text-fit.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"
#include "tests/lib/check-main.h"

START_TEST(names_give_up_the_least_telling_part_first)
{
	static const struct {
		const char *name;
		size_t cells;
		const char *fitted;
	} cases[] = {
		{"main", 10, "main"},
		{"main", 4, "main"},
		{"main", 3, "ma…"},
		{"main", 2, ""},
		{"main", 0, ""},
		{"ns::f(int, char const*)", 30, "ns::f(int, char const*)"},
		{"ns::f(int, char const*)", 22, "ns::f"},
		{"std::vector<int>::push_back(int&&)", 30, "std::vector::push_back"},
		{"std::vector<int>::push_back(int&&)", 20, "…vector::push_back"},
		{"std::vector<int>::push_back(int&&)", 12, "…push_back"},
		{"std::vector<int>::push_back(int&&)", 6, "push_…"},
		{"f() const", 6, "f"},
		{"a::b::operator()(int)", 17, "…operator()(int)"},
		{"[truncated:fp-end]", 8, "[trunca…"},
		{"<module>", 8, "<module>"},
		{"<module>", 5, "<mod…"},
		{"::", 3, "::"},
		{"a::", 3, "a::"},
		{"a::b::", 5, "…b::"},
		{"(", 3, "("},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buffer_done) struct buffer out = {0};

		text_fit_append(&out, cases[i].name, cases[i].cells);
		ck_assert_str_eq(out.data ? out.data : "", cases[i].fitted);
	}
}
END_TEST

START_TEST(no_name_is_wider_than_its_room)
{
	static const char *const names[] = {
		"std::__introsort_loop<__gnu_cxx::__normal_iterator<int*, std::vector<int> > >(int)",
		"core::ops::function::FnOnce::call_once{{vtable.shim}}",
		"<alloc::vec::Vec<T> as core::ops::Drop>::drop",
		"日本語の関数名::メソッド",
		"a::operator()(int) const",
		"operator-><int>::x",
		"(anonymous namespace)::f(int)",
		"foo(((((((((",
		">>>>>>>>>><<<<<<<<<<<<",
		"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (size_t cells = 0; cells < 90; cells++) {
			CLEANUP(buffer_done) struct buffer out = {0};

			text_fit_append(&out, names[i], cells);
			if (!out.size)
				continue;
			ck_assert_uint_le(text_fit_cells(out.data, out.size), cells);
			ck_assert(utf8_is_valid(out.data, out.size));
		}
	}
}
END_TEST

START_TEST(wide_characters_take_two_cells)
{
	ck_assert_uint_eq(text_fit_cells("abc", 3), 3);
	ck_assert_uint_eq(text_fit_cells("日本", 6), 4);
	ck_assert_uint_eq(text_fit_cells("é", 2), 1);
	ck_assert_uint_eq(text_fit_cells("e\xcc\x81", 3), 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		names_give_up_the_least_telling_part_first,
		no_name_is_wider_than_its_room,
		wide_characters_take_two_cells,
	};

	return check_main("render/text-fit", tests, ARRAY_SIZE(tests));
}
