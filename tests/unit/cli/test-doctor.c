// SPDX-License-Identifier: GPL-2.0-or-later
/* The checks of a host: each says something, and versions compare as numbers. */

#include "cli/doctor.h"

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
		ck_assert_int_eq(doctor_kernel_is_at_least(cases[i].release, 6, 1), cases[i].is);
}
END_TEST

START_TEST(each_check_finds_something_and_what_is_bad_has_a_mend)
{
	for (size_t i = 0; i < doctor_n_checks; i++) {
		struct doctor_finding finding = {0};

		doctor_checks[i].examine(&finding);
		ck_assert(finding.found[0] != '\0');
		if (finding.state == DOCTOR_BAD || finding.state == DOCTOR_NOTE)
			ck_assert_ptr_nonnull(finding.mend);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		kernel_versions_compare_as_numbers,
		each_check_finds_something_and_what_is_bad_has_a_mend,
	};

	return check_main("cli/doctor", tests, ARRAY_SIZE(tests));
}
