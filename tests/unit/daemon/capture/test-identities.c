/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whom a slot of a CPU stands for, as the ring's records tell it. */

#include "daemon/capture/identities.h"

#include <errno.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define N_CPUS 2

static struct identities identities;

static void setup(void)
{
	ck_assert_int_eq(identities_init(&identities, N_CPUS), 0);
}

static void teardown(void)
{
	identities_done(&identities);
}

static void tell(uint16_t cpu, uint16_t slot, uint32_t tid)
{
	const struct abi_identity_record record = {
		.kind = ABI_RECORD_IDENTITY,
		.cpu = cpu,
		.slot = slot,
		.identity.tid = tid,
	};

	identities_take(&identities, &record, sizeof(record));
}

START_TEST(slot_is_nobody_until_it_is_told)
{
	setup();
	ck_assert_ptr_null(identities_find(&identities, 0, 5));
	tell(0, 5, 77);
	ck_assert_uint_eq(identities_find(&identities, 0, 5)->facts.tid, 77);
	ck_assert_ptr_null(identities_find(&identities, 0, 6));
	teardown();
}
END_TEST

START_TEST(cpus_have_slots_of_their_own)
{
	setup();
	tell(0, 5, 77);
	ck_assert_ptr_null(identities_find(&identities, 1, 5));
	tell(1, 5, 78);
	ck_assert_uint_eq(identities_find(&identities, 0, 5)->facts.tid, 77);
	ck_assert_uint_eq(identities_find(&identities, 1, 5)->facts.tid, 78);
	teardown();
}
END_TEST

START_TEST(what_is_told_anew_has_a_number_of_its_own)
{
	uint64_t before;

	setup();
	tell(0, 5, 77);
	before = identities_find(&identities, 0, 5)->number;
	tell(0, 5, 77);
	ck_assert_uint_ne(identities_find(&identities, 0, 5)->number, before);
	teardown();
}
END_TEST

START_TEST(what_is_out_of_range_or_short_says_nothing)
{
	const struct abi_identity_record record = {.slot = 5, .identity.tid = 77};

	setup();
	tell(N_CPUS, 0, 77);
	tell(0, ABI_IDENTITY_SLOTS, 77);
	identities_take(&identities, &record, sizeof(record) - 1);
	for (size_t i = 0; i < N_CPUS; i++)
		for (size_t j = 0; j < ABI_IDENTITY_SLOTS; j++)
			ck_assert_ptr_null(identities_find(&identities, i, j));
	ck_assert_ptr_null(identities_find(&identities, N_CPUS, 0));
	ck_assert_ptr_null(identities_find(&identities, 0, ABI_IDENTITY_SLOTS));
	teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		slot_is_nobody_until_it_is_told,
		cpus_have_slots_of_their_own,
		what_is_told_anew_has_a_number_of_its_own,
		what_is_out_of_range_or_short_says_nothing,
	};

	return check_main("capture/identities", tests, ARRAY_SIZE(tests));
}
