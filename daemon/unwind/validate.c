/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The worker has read what a target chose, so its rows are not trusted. A wrong row costs a wrong
 * stack of that target only; what must hold is what the kernel side counts on: its binary search
 * needs strict order, its switch known kinds, and a table ends with a row that covers nothing, so
 * that the last function's rule does not reach to the end of the file.
 */

#include "daemon/unwind/validate.h"

#include <errno.h>
#include <stdbool.h>

static bool is_valid(const struct abi_row *row)
{
	unsigned cfa = ABI_ROW_CFA(row->kinds);

	if (cfa >= ABI_CFA_COUNT || ABI_ROW_RBP(row->kinds) >= ABI_RBP_COUNT)
		return false;
	return cfa != ABI_CFA_PLT || (row->cfa_offset >= 0 && row->cfa_offset < 16);
}

int rows_validate(const struct abi_row *rows, size_t n, uint64_t file_size)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_valid(&rows[i]) || rows[i].pc > file_size)
			return -EINVAL;
		if (i && rows[i].pc <= rows[i - 1].pc)
			return -EINVAL;
	}
	if (n && ABI_ROW_CFA(rows[n - 1].kinds) != ABI_CFA_GAP)
		return -EINVAL;
	return 0;
}
