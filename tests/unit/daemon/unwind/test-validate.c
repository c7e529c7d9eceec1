/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rows that the kernel side may count on, and rows that it may not be given. */

#include "daemon/unwind/validate.h"

#include <errno.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define GAP ABI_ROW_KINDS(ABI_CFA_GAP, ABI_RBP_SAME)
#define RSP ABI_ROW_KINDS(ABI_CFA_RSP, ABI_RBP_CFA)
#define PLT ABI_ROW_KINDS(ABI_CFA_PLT, ABI_RBP_SAME)
#define FILE_SIZE 0x1000

static const struct {
	const char *name;
	struct abi_row rows[3];
	size_t n;
	int result;
} examples[] = {
	{"none", .n = 0},
	{"one gap", {{0, 0, 0, GAP}}, 1},
	{"sorted", {{0, 1, -2, RSP}, {5, 2, -2, RSP}, {6, 0, 0, GAP}}, 3},
	{"a gap where the file ends", {{0, 1, 0, RSP}, {FILE_SIZE, 0, 0, GAP}}, 2},
	{"extreme offsets", {{0, INT16_MIN, INT8_MIN, RSP}, {1, 0, 0, GAP}}, 2},
	{"not sorted", {{7, 1, 0, RSP}, {5, 2, 0, RSP}, {9, 0, 0, GAP}}, 3, -EINVAL},
	{"twice the same pc", {{5, 1, 0, RSP}, {5, 2, 0, RSP}, {9, 0, 0, GAP}}, 3, -EINVAL},
	{"the last row twice", {{5, 1, 0, RSP}, {9, 2, 0, RSP}, {9, 0, 0, GAP}}, 3, -EINVAL},
	{"behind the file", {{0, 1, 0, RSP}, {FILE_SIZE + 1, 0, 0, GAP}}, 2, -EINVAL},
	{"no gap at the end", {{0, 0, 0, GAP}, {5, 1, 0, RSP}}, 2, -EINVAL},
	{"an unknown CFA", {{0, 1, 0, ABI_ROW_KINDS(ABI_CFA_COUNT, 0)}, {1, 0, 0, GAP}}, 2,
		-EINVAL},
	{"an unknown rbp", {{0, 1, 0, ABI_ROW_KINDS(ABI_CFA_RSP, ABI_RBP_COUNT)}, {1, 0, 0, GAP}},
		2, -EINVAL},
	{"a PLT", {{0, 11, 0, PLT}, {1, 0, 0, GAP}}, 2},
	{"a PLT beyond its 16 bytes", {{0, 16, 0, PLT}, {1, 0, 0, GAP}}, 2, -EINVAL},
	{"a PLT before its first byte", {{0, -1, 0, PLT}, {1, 0, 0, GAP}}, 2, -EINVAL},
};

START_TEST(only_rows_that_the_kernel_side_can_use_are_accepted)
{
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
		ck_assert_msg(rows_validate(examples[i].rows, examples[i].n, FILE_SIZE) ==
				examples[i].result,
			"%s", examples[i].name);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {only_rows_that_the_kernel_side_can_use_are_accepted};

	return check_main("validate", tests, ARRAY_SIZE(tests));
}
