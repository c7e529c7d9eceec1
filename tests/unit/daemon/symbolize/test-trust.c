/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which files one worker may parse after another. */

#include <sys/sysmacros.h>

#include "daemon/symbolize/workers.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static uint64_t trust(uid_t uid, mode_t mode, unsigned major)
{
	const struct stat stat = {
		.st_uid = uid, .st_mode = S_IFREG | mode, .st_dev = makedev(major, 5)};

	return workers_trust(&stat);
}

START_TEST(roots_own_files_on_disks_are_trusted)
{
	ck_assert_uint_eq(trust(0, 0755, 8), WORKERS_TRUST_ROOT);
}
END_TEST

START_TEST(files_that_others_may_write_or_may_claim_to_be_roots_are_not)
{
	ck_assert_uint_ne(trust(0, 0775, 8), WORKERS_TRUST_ROOT);
	ck_assert_uint_ne(trust(0, 0757, 8), WORKERS_TRUST_ROOT);
	ck_assert_uint_ne(trust(0, 0755, 0), WORKERS_TRUST_ROOT);
}
END_TEST

START_TEST(users_do_not_share_a_worker)
{
	ck_assert_uint_eq(trust(1000, 0755, 8), trust(1000, 0700, 8));
	ck_assert_uint_ne(trust(1000, 0755, 8), trust(1001, 0755, 8));
	ck_assert_uint_ne(trust(1000, 0755, 8), WORKERS_TRUST_ROOT);
}
END_TEST

START_TEST(what_a_group_may_write_is_for_its_owner_and_group_alone)
{
	ck_assert_uint_ne(trust(1000, 0775, 8), trust(1001, 0775, 8));
	ck_assert_uint_ne(trust(1000, 0775, 8), trust(1000, 0755, 8));
	ck_assert_uint_ne(trust(1000, 0775, 8), WORKERS_TRUST_NONE);
	ck_assert_uint_eq(trust(1000, 0777, 8), WORKERS_TRUST_NONE);
	ck_assert_uint_eq(trust(1000, 0775, 0), WORKERS_TRUST_NONE);
}
END_TEST

START_TEST(of_two_files_the_lesser_trust_counts)
{
	uint64_t one = trust(1000, 0755, 8), two = trust(1001, 0755, 8);

	ck_assert_uint_eq(workers_trust_both(WORKERS_TRUST_ROOT, one), one);
	ck_assert_uint_eq(workers_trust_both(one, WORKERS_TRUST_ROOT), one);
	ck_assert_uint_eq(workers_trust_both(one, one), one);
	ck_assert_uint_ne(workers_trust_both(one, two), one);
	ck_assert_uint_ne(workers_trust_both(one, two), two);
	ck_assert_uint_ne(workers_trust_both(one, two), WORKERS_TRUST_ROOT);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		roots_own_files_on_disks_are_trusted,
		files_that_others_may_write_or_may_claim_to_be_roots_are_not,
		users_do_not_share_a_worker,
		what_a_group_may_write_is_for_its_owner_and_group_alone,
		of_two_files_the_lesser_trust_counts,
	};

	return check_main("symbolize/trust", tests, ARRAY_SIZE(tests));
}
