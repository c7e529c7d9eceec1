/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who gets how much of what there is for all. */

#include "daemon/base/shares.h"

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static const struct share_rule rule = {.all = 32, .per_uid = 8, .little = 2};

START_TEST(each_has_up_to_their_limit_and_all_up_to_theirs)
{
	static const struct {
		bool is_admin;
		uint64_t own, all;
		enum share_verdict verdict;
	} rows[] = {
		{false, 1, 1, SHARE_GRANTED},
		{false, 8, 24, SHARE_GRANTED},
		{false, 9, 9, SHARE_OF_USER_USED},
		{false, 9, 33, SHARE_OF_USER_USED},
		/* The last quarter. */
		{false, 3, 25, SHARE_OF_ALL_USED},
		{false, 2, 25, SHARE_GRANTED},
		{false, 2, 32, SHARE_GRANTED},
		{false, 1, 33, SHARE_OF_ALL_USED},
		{true, 30, 32, SHARE_GRANTED},
		{true, 33, 33, SHARE_OF_ALL_USED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_msg(share_check(&rule, rows[i].is_admin, rows[i].own, rows[i].all) ==
				rows[i].verdict,
			"row %zu", i);
	ck_assert_uint_eq(share_limit(&rule, SHARE_OF_USER_USED), 8);
	ck_assert_uint_eq(share_limit(&rule, SHARE_OF_ALL_USED), 32);
}
END_TEST

START_TEST(who_comes_last_still_gets_a_little)
{
	uint64_t taken[6] = {}, all = 0;

	/* Five who take what they can get, one by one; then the sixth comes. */
	for (size_t i = 0; i < 5; i++)
		for (int n = 0; n < 100; n++)
			if (!share_check(&rule, false, taken[i] + 1, all + 1)) {
				taken[i]++;
				all++;
			}
	ck_assert_uint_lt(all, rule.all);
	ck_assert_int_eq(share_check(&rule, false, 2, all + 2), SHARE_GRANTED);
}
END_TEST

/* What a test holds: the accounts that are kept. */
struct held {
	struct memory memory;
	struct memory_account accounts[4];
};

static bool on_short(void *userdata, const uid_t *uid)
{
	struct held *held = userdata;
	uid_t greedy;

	if (!uid && memory_find_greedy(&held->memory, &greedy))
		uid = &greedy;
	for (size_t i = 0; uid && i < ARRAY_SIZE(held->accounts); i++) {
		struct memory_account *account = &held->accounts[i];

		if (!account->memory || !account->is_kept || account->uid != *uid)
			continue;
		memory_close(account);
		return true;
	}
	return false;
}

static void held_open(struct held *held, const uid_t uids[4])
{
	memory_init(&held->memory, on_short, held);
	held->memory.rule = rule;
	for (size_t i = 0; i < ARRAY_SIZE(held->accounts); i++)
		memory_open(&held->memory, &held->accounts[i], uids[i], !uids[i]);
}

static void keep(struct memory_account *account, uint64_t bytes)
{
	ck_assert_int_eq(memory_set(account, bytes), SHARE_GRANTED);
	account->is_kept = true;
}

START_TEST(what_is_kept_gives_way_to_what_its_user_does_now)
{
	struct held held;

	held_open(&held, (const uid_t[]){1000, 1000, 1001, 1001});
	keep(&held.accounts[0], 5);
	keep(&held.accounts[2], 5);
	ck_assert_int_eq(memory_set(&held.accounts[1], 6), SHARE_GRANTED);
	ck_assert_ptr_null(held.accounts[0].memory);
	ck_assert_ptr_nonnull(held.accounts[2].memory);
	ck_assert_int_eq(memory_set(&held.accounts[1], 9), SHARE_OF_USER_USED);
	ck_assert_uint_eq(held.accounts[1].bytes, 6);
	ck_assert_int_eq(memory_set(&held.accounts[1], 1), SHARE_GRANTED);
}
END_TEST

START_TEST(nobody_loses_what_is_kept_to_somebody_who_has_much)
{
	struct held held;

	held_open(&held, (const uid_t[]){0, 1000, 1001, 1002});
	ck_assert_int_eq(memory_set(&held.accounts[0], 22), SHARE_GRANTED);
	keep(&held.accounts[1], 2);
	ck_assert_int_eq(memory_set(&held.accounts[2], 3), SHARE_OF_ALL_USED);
	ck_assert_ptr_nonnull(held.accounts[1].memory);
}
END_TEST

START_TEST(who_has_kept_most_gives_way_to_who_has_little)
{
	struct held held;

	held_open(&held, (const uid_t[]){0, 1000, 1001, 1002});
	keep(&held.accounts[1], 2);
	keep(&held.accounts[2], 7);
	ck_assert_int_eq(memory_set(&held.accounts[0], 23), SHARE_GRANTED);
	ck_assert_int_eq(memory_set(&held.accounts[3], 1), SHARE_GRANTED);
	ck_assert_ptr_nonnull(held.accounts[1].memory);
	ck_assert_ptr_null(held.accounts[2].memory);
	memory_close(&held.accounts[2]);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		each_has_up_to_their_limit_and_all_up_to_theirs,
		who_comes_last_still_gets_a_little,
		what_is_kept_gives_way_to_what_its_user_does_now,
		nobody_loses_what_is_kept_to_somebody_who_has_much,
		who_has_kept_most_gives_way_to_who_has_little,
	};

	return check_main("base/shares", tests, ARRAY_SIZE(tests));
}
