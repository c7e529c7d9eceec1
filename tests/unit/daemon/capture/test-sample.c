/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The kernel's numbers for the end of a walk, and their words. */

#include "daemon/capture/sample.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

START_TEST(every_stop_has_a_word_of_its_own_and_a_sentence)
{
	for (unsigned i = 0; i < ABI_STOP_COUNT; i++) {
		const struct sample_stop *stop = sample_stop_find(i);

		ck_assert_ptr_nonnull(stop->word);
		ck_assert_uint_gt(strlen(stop->sentence), 10);
		for (unsigned j = 0; j < i; j++)
			ck_assert_str_ne(sample_stop_find(j)->word, stop->word);
	}
}
END_TEST

START_TEST(only_known_ends_are_complete)
{
	for (unsigned i = 0; i < ABI_STOP_COUNT; i++)
		ck_assert_int_eq(sample_stop_find(i)->class == SAMPLE_STOP_COMPLETE,
			i == ABI_STOP_END || i == ABI_STOP_CONTEXT);
}
END_TEST

START_TEST(number_from_another_version_reads_as_unknown)
{
	ck_assert_str_eq(sample_stop_find(ABI_STOP_COUNT)->word, "unknown");
	ck_assert_int_eq(sample_stop_find(0xffff)->class, SAMPLE_STOP_TRUNCATED);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		every_stop_has_a_word_of_its_own_and_a_sentence,
		only_known_ends_are_complete,
		number_from_another_version_reads_as_unknown,
	};

	return check_main("capture/sample", tests, ARRAY_SIZE(tests));
}
