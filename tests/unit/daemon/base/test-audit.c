/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How many lines of the log one user can bring about. */

#include "daemon/base/audit.h"

#include "daemon/base/limits.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"

static uint64_t allowed(struct audit *audit, uid_t uid, uint64_t now_ns, size_t n)
{
	uint64_t n_left_out, n_allowed = 0;

	while (n--)
		n_allowed += audit_allows(audit, uid, now_ns, &n_left_out);
	return n_allowed;
}

START_TEST(one_user_fills_no_log_and_takes_nothing_from_others)
{
	struct audit audit = {};

	ck_assert_uint_eq(allowed(&audit, 1000, 5, 1000), LIMIT_LOG_LINES_PER_UID);
	ck_assert_uint_eq(allowed(&audit, 1001, 5, 1), 1);
}
END_TEST

START_TEST(what_was_left_out_is_said_with_the_next_line)
{
	struct audit audit = {};
	uint64_t n_left_out = 99;

	allowed(&audit, 1000, 5, LIMIT_LOG_LINES_PER_UID + 7);
	ck_assert(audit_allows(&audit, 1000, 5 + 60 * NS_PER_SECOND, &n_left_out));
	ck_assert_uint_eq(n_left_out, 7);
	ck_assert(audit_allows(&audit, 1000, 6 + 60 * NS_PER_SECOND, &n_left_out));
	ck_assert_uint_eq(n_left_out, 0);
}
END_TEST

START_TEST(more_users_than_are_remembered_each_have_a_line)
{
	struct audit audit = {};

	for (uid_t uid = 0; uid < 3 * AUDIT_USERS; uid++)
		ck_assert_uint_eq(allowed(&audit, uid, 5 + uid, 1), 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		one_user_fills_no_log_and_takes_nothing_from_others,
		what_was_left_out_is_said_with_the_next_line,
		more_users_than_are_remembered_each_have_a_line,
	};

	return check_main("base/audit", tests, ARRAY_SIZE(tests));
}
