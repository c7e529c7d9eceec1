/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A plain array: few users have programs of their own. */

#include "daemon/unwind/table-shares.h"

#include <stdlib.h>

#include "bpf/abi.h"
#include "daemon/base/limits.h"
#include "proto/base/array.h"

#define ROWS_MAX ((uint64_t)ABI_SHARD_ROWS * ABI_SHARDS_MAX)

int table_shares_add(struct table_shares *shares, uid_t uid, uint64_t n_rows)
{
	struct table_share *share;
	size_t i = 0;
	int r;

	while (i < shares->n && shares->shares[i].uid != uid)
		i++;
	if (i == shares->n) {
		r = array_reserve(&shares->shares, &shares->n_allocated, shares->n + 1,
			sizeof(*shares->shares));
		if (r < 0)
			return r;
		shares->shares[shares->n++] = (struct table_share){.uid = uid};
	}
	share = &shares->shares[i];
	share->n_rows += n_rows;
	share->n_tables++;
	return 0;
}

const struct table_share *table_shares_find_greedy(const struct table_shares *shares)
{
	const struct table_share *greediest = NULL;

	for (size_t i = 0; i < shares->n; i++) {
		const struct table_share *share = &shares->shares[i];

		if (!share->uid ||
			(share->n_rows <= ROWS_MAX / LIMIT_TABLE_SHARES &&
				share->n_tables <= ABI_TABLES_MAX / LIMIT_TABLE_SHARES))
			continue;
		if (!greediest || share->n_rows > greediest->n_rows)
			greediest = share;
	}
	return greediest;
}

void table_shares_done(struct table_shares *shares)
{
	free(shares->shares);
	*shares = (struct table_shares){};
}
