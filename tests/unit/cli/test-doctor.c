// SPDX-License-Identifier: GPL-2.0-or-later
/* The checks of a host: each says something. */

#include "cli/doctor.h"

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

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
		each_check_finds_something_and_what_is_bad_has_a_mend,
	};

	return check_main("cli/doctor", tests, ARRAY_SIZE(tests));
}
