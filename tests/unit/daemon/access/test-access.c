/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Every rule by itself forbids; only all of them together allow. */

#include <string.h>

#include "daemon/access/access.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static const struct access_caller user = {.uid = 1000, .gid = 1000, .pid = 7};
static const struct access_caller admin = {.uid = 0, .gid = 0, .pid = 8, .is_admin = true};

#define OWN                                                                                        \
	.uid = 1000, .euid = 1000, .suid = 1000, .gid = 1000, .egid = 1000, .sgid = 1000,          \
	.is_dumpable = true, .is_initial_userns = true

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const struct {
	struct access_process process;
	enum access_rule rule;
} cases[] = {
	{{OWN}, ACCESS_ALLOWED},
	{{OWN, .uid = 1001}, ACCESS_OTHER_USER},
	{{OWN, .euid = 0}, ACCESS_OTHER_USER},
	{{OWN, .suid = 0}, ACCESS_OTHER_USER},
	{{OWN, .gid = 1001}, ACCESS_OTHER_USER},
	{{OWN, .egid = 0}, ACCESS_OTHER_USER},
	{{OWN, .sgid = 0}, ACCESS_OTHER_USER},
	{{OWN, .cap_permitted = 1}, ACCESS_HAS_CAPABILITIES},
	{{OWN, .cap_permitted = UINT64_C(1) << 40}, ACCESS_HAS_CAPABILITIES},
	{{OWN, .is_dumpable = false}, ACCESS_NOT_DUMPABLE},
	{{OWN, .is_initial_userns = false}, ACCESS_USER_NAMESPACE},
	{{OWN, .is_kernel_thread = true}, ACCESS_KERNEL_THREAD},
	{{.is_dumpable = true, .is_initial_userns = true}, ACCESS_OTHER_USER},
};
#pragma GCC diagnostic pop

START_TEST(one_broken_rule_is_enough)
{
	ck_assert_int_eq(access_check_process(&user, &cases[_i].process), cases[_i].rule);
}
END_TEST

START_TEST(an_admin_may_everything)
{
	ck_assert_int_eq(access_check_process(&admin, &cases[_i].process), ACCESS_ALLOWED);
}
END_TEST

START_TEST(root_that_is_no_admin_is_an_ordinary_user)
{
	struct access_caller root = {.uid = 0, .gid = 0};
	struct access_process process = {.is_dumpable = true, .is_initial_userns = true};

	ck_assert_int_eq(access_check_process(&root, &process), ACCESS_ALLOWED);
	process.cap_permitted = 1;
	ck_assert_int_eq(access_check_process(&root, &process), ACCESS_HAS_CAPABILITIES);
}
END_TEST

START_TEST(the_overflow_uid_is_nobody)
{
	struct access_caller nobody = {.uid = 65534, .gid = 65534};
	struct access_process process = {.uid = 65534,
		.euid = 65534,
		.suid = 65534,
		.gid = 65534,
		.egid = 65534,
		.sgid = 65534,
		.is_dumpable = true,
		.is_initial_userns = true};

	ck_assert_int_eq(access_check_process(&nobody, &process), ACCESS_OVERFLOW_UID);
	ck_assert_int_eq(access_check_owner(&nobody, 65534), ACCESS_OVERFLOW_UID);
}
END_TEST

START_TEST(stored_data_belongs_to_its_uid)
{
	ck_assert_int_eq(access_check_owner(&user, 1000), ACCESS_ALLOWED);
	ck_assert_int_eq(access_check_owner(&user, 1001), ACCESS_OTHER_OWNER);
	ck_assert_int_eq(access_check_owner(&user, 0), ACCESS_OTHER_OWNER);
	ck_assert_int_eq(access_check_owner(&admin, 1000), ACCESS_ALLOWED);
}
END_TEST

START_TEST(kernel_frames_follow_perf_event_paranoid)
{
	ck_assert(access_sees_kernel(&user, -1));
	ck_assert(access_sees_kernel(&user, 1));
	ck_assert(!access_sees_kernel(&user, 2));
	ck_assert(!access_sees_kernel(&user, 4));
	ck_assert(access_sees_kernel(&admin, 4));
}
END_TEST

START_TEST(each_rule_has_a_sentence_of_its_own)
{
	for (int a = ACCESS_ALLOWED; a <= ACCESS_OTHER_OWNER; a++)
		for (int b = ACCESS_ALLOWED; b < a; b++)
			ck_assert_str_ne(access_rule_sentence((enum access_rule)a),
				access_rule_sentence((enum access_rule)b));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("access");
	TCase *tcase = tcase_create("access");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_loop_test(tcase, one_broken_rule_is_enough, 0, (int)ARRAY_SIZE(cases));
	tcase_add_loop_test(tcase, an_admin_may_everything, 0, (int)ARRAY_SIZE(cases));
	tcase_add_test(tcase, root_that_is_no_admin_is_an_ordinary_user);
	tcase_add_test(tcase, the_overflow_uid_is_nobody);
	tcase_add_test(tcase, stored_data_belongs_to_its_uid);
	tcase_add_test(tcase, kernel_frames_follow_perf_event_paranoid);
	tcase_add_test(tcase, each_rule_has_a_sentence_of_its_own);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
