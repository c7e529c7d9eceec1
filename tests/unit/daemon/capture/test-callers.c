/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Callers told once, and samples that name them by their slot. */

#include "daemon/capture/callers.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define N_CPUS 2

static struct callers callers;

struct record {
	struct abi_sample head;
	uint64_t frames[100];
};

static struct record record_of(
	enum abi_record_kind kind, uint16_t cpu, uint16_t slot, uint64_t leaf)
{
	struct record record = {
		.head = {.kind = kind, .cpu = cpu, .callers = slot, .n_kernel = 2, .n_user = 3},
		.frames = {leaf, 20, 30, 40, 50},
	};

	return record;
}

static bool find(const struct record *record, size_t n_frames, struct sample *ret_sample)
{
	*ret_sample = (struct sample){.head = &record->head};
	return callers_find(&callers, &record->head,
		sizeof(record->head) + n_frames * sizeof(*record->frames), ret_sample);
}

static void setup(void)
{
	ck_assert_int_eq(callers_init(&callers, N_CPUS), 0);
}

static void teardown(void)
{
	callers_done(&callers);
}

START_TEST(repeat_has_its_own_leaf_on_the_callers_that_were_told)
{
	const uint64_t expected[] = {11, 20, 30, 40, 50};
	struct record told, repeat;
	struct sample first, sample;

	setup();
	told = record_of(ABI_RECORD_SAMPLE, 0, 5, 10);
	ck_assert(find(&told, 5, &first));
	ck_assert_mem_eq(first.kernel, told.frames, sizeof(expected));
	ck_assert_ptr_eq(first.user, first.kernel + 2);
	repeat = record_of(ABI_RECORD_REPEAT, 0, 5, 11);
	memset(repeat.frames + 1, 0, sizeof(repeat.frames) - sizeof(repeat.frames[0]));
	ck_assert(find(&repeat, 1, &sample));
	ck_assert_mem_eq(sample.kernel, expected, sizeof(expected));
	ck_assert_ptr_eq(sample.user, sample.kernel + 2);
	ck_assert_uint_ne(first.callers, 0);
	ck_assert_uint_eq(sample.callers, first.callers);
	ck_assert_uint_eq(sample.place, first.place);
	teardown();
}
END_TEST

START_TEST(what_is_told_anew_has_another_number)
{
	struct record told, other, repeat;
	struct sample first, second, sample;

	setup();
	told = record_of(ABI_RECORD_SAMPLE, 0, 5, 10);
	other = told;
	other.frames[4] = 51;
	repeat = record_of(ABI_RECORD_REPEAT, 0, 5, 11);
	ck_assert(find(&told, 5, &first) && find(&other, 5, &second));
	ck_assert_uint_ne(first.callers, second.callers);
	ck_assert(find(&repeat, 1, &sample));
	ck_assert_uint_eq(sample.callers, second.callers);
	ck_assert_uint_eq(sample.user[2], 51);
	teardown();
}
END_TEST

START_TEST(what_takes_turns_in_a_slot_keeps_its_number)
{
	struct record a, b, c, repeat;
	struct sample first[3], sample;

	setup();
	a = record_of(ABI_RECORD_SAMPLE, 0, 5, 10);
	b = a;
	b.frames[1] = 21;
	c = a;
	c.head.n_kernel = 1;
	c.head.n_user = 4;
	repeat = record_of(ABI_RECORD_REPEAT, 0, 5, 11);
	ck_assert(find(&a, 5, &first[0]) && find(&b, 5, &first[1]));
	a.frames[0] = 12;
	ck_assert(find(&a, 5, &sample));
	ck_assert_uint_eq(sample.callers, first[0].callers);
	ck_assert_uint_eq(sample.place, first[0].place);
	ck_assert_uint_eq(sample.kernel[0], 12);
	ck_assert(find(&repeat, 1, &sample));
	ck_assert_uint_eq(sample.callers, first[0].callers);
	ck_assert_uint_eq(sample.kernel[1], 20);
	ck_assert(find(&b, 5, &sample));
	ck_assert_uint_eq(sample.callers, first[1].callers);
	ck_assert_uint_eq(sample.place ^ first[0].place, 1);
	/* The same addresses, of which fewer are the kernel's. */
	ck_assert(find(&c, 5, &first[2]));
	ck_assert_uint_ne(first[2].callers, first[0].callers);
	ck_assert(find(&a, 5, &sample) == true && sample.callers != first[2].callers);
	teardown();
}
END_TEST

START_TEST(cpus_have_slots_of_their_own)
{
	struct record told, repeat;
	struct sample sample;

	setup();
	told = record_of(ABI_RECORD_SAMPLE, 0, 5, 10);
	ck_assert(find(&told, 5, &sample));
	repeat = record_of(ABI_RECORD_REPEAT, 1, 5, 11);
	ck_assert(!find(&repeat, 1, &sample));
	teardown();
}
END_TEST

START_TEST(sample_without_a_slot_is_as_it_came_and_is_not_remembered)
{
	struct record told;
	struct sample sample;

	setup();
	told = record_of(ABI_RECORD_SAMPLE, 0, ABI_CALLERS_NONE, 10);
	told.head.n_user = 98;
	ck_assert(find(&told, 100, &sample));
	ck_assert_uint_eq(sample.callers, 0);
	ck_assert_ptr_eq(sample.kernel, told.frames);
	ck_assert_uint_eq(callers.n_told, 0);
	teardown();
}
END_TEST

START_TEST(record_that_is_short_or_of_unknown_callers_is_none)
{
	struct record record;
	struct sample sample;

	setup();
	record = record_of(ABI_RECORD_SAMPLE, 0, 5, 10);
	record.head.n_kernel = record.head.n_user = 0;
	ck_assert(!find(&record, 0, &sample));
	record = record_of(ABI_RECORD_SAMPLE, 0, 5, 10);
	ck_assert(!find(&record, 4, &sample));
	record.head.n_user = ABI_CALLERS_MAX;
	ck_assert(!find(&record, 2 + ABI_CALLERS_MAX, &sample));
	record = record_of(ABI_RECORD_REPEAT, 0, 5, 10);
	ck_assert(!find(&record, 1, &sample));
	ck_assert(!find(&record, 0, &sample));
	record = record_of(ABI_RECORD_REPEAT, N_CPUS, 5, 10);
	ck_assert(!find(&record, 1, &sample));
	record = record_of(ABI_RECORD_REPEAT, 0, ABI_CALLERS_NONE, 10);
	ck_assert(!find(&record, 1, &sample));
	teardown();
}
END_TEST

/* A repeat says how many frames it has: as many as were told, or its record is no good. */
START_TEST(repeat_is_of_as_many_frames_as_were_told)
{
	struct record told, repeat;
	struct sample sample;

	setup();
	told = record_of(ABI_RECORD_SAMPLE, 0, 5, 10);
	ck_assert(find(&told, 5, &sample));
	repeat = record_of(ABI_RECORD_REPEAT, 0, 5, 11);
	repeat.head.n_user = ABI_CALLERS_MAX;
	ck_assert(!find(&repeat, 1, &sample));
	teardown();
}
END_TEST

START_TEST(only_a_repeat_of_a_slot_that_is_there_is_expected)
{
	struct record record = record_of(ABI_RECORD_REPEAT, 1, 5, 11);
	struct sample sample;
	uint32_t place = 0;

	setup();
	record.head.kind = ABI_RECORD_SAMPLE;
	ck_assert(!callers_expect(&callers, &record.head, &place));
	ck_assert(find(&record, 5, &sample));
	record.head.kind = ABI_RECORD_REPEAT;
	ck_assert(callers_expect(&callers, &record.head, &place));
	ck_assert_uint_eq(sample.place, place);
	record = record_of(ABI_RECORD_REPEAT, N_CPUS, 5, 11);
	ck_assert(!callers_expect(&callers, &record.head, &place));
	record = record_of(ABI_RECORD_REPEAT, 0, ABI_CALLERS_NONE, 11);
	ck_assert(!callers_expect(&callers, &record.head, &place));
	teardown();
}
END_TEST

START_TEST(slots_are_a_power_of_two_and_no_more_where_there_are_many_cpus)
{
	ck_assert_uint_eq(callers_slots(1), ABI_CALLERS_SLOTS_MAX);
	ck_assert_uint_eq(callers_slots(4), ABI_CALLERS_SLOTS_MAX);
	ck_assert_uint_eq(callers_slots(5), ABI_CALLERS_SLOTS_MAX / 2);
	ck_assert_uint_eq(callers_slots(128), 64);
	ck_assert_uint_eq(callers_slots(4096), ABI_CALLERS_SLOTS_MIN);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		repeat_has_its_own_leaf_on_the_callers_that_were_told,
		what_is_told_anew_has_another_number,
		what_takes_turns_in_a_slot_keeps_its_number,
		cpus_have_slots_of_their_own,
		sample_without_a_slot_is_as_it_came_and_is_not_remembered,
		record_that_is_short_or_of_unknown_callers_is_none,
		repeat_is_of_as_many_frames_as_were_told,
		only_a_repeat_of_a_slot_that_is_there_is_expected,
		slots_are_a_power_of_two_and_no_more_where_there_are_many_cpus,
	};

	return check_main("capture/callers", tests, ARRAY_SIZE(tests));
}
