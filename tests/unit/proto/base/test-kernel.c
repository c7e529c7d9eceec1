// SPDX-License-Identifier: GPL-2.0-or-later
/* Versions of the kernel compare as numbers. */

#include "proto/base/kernel.h"

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

START_TEST(kernel_versions_compare_as_numbers)
{
	static const struct {
		const char *release;
		bool is;
	} cases[] = {
		{"6.1.0-13-amd64", true},
		{"6.18.5", true},
		{"6.10-rc1", true},
		{"10.0.0", true},
		{"6.0.19", false},
		{"5.15.0-91-generic", false},
		{"", false},
		{"linux", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_int_eq(kernel_is_at_least(cases[i].release, 6, 1), cases[i].is);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {kernel_versions_compare_as_numbers};

	return check_main("kernel", tests, ARRAY_SIZE(tests));
}
