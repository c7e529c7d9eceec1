/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whose files the unwind tables in the kernel are of. While there is room everybody has what they
 * need; where it is short, a user with more than a share gives way before anybody else does.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct table_share {
	uid_t uid;
	uint64_t n_rows, n_tables;
};

struct table_shares {
	struct table_share *shares;
	size_t n, n_allocated;
};

/* One more table of a file that is this user's. 0 or -ENOMEM. */
int table_shares_add(struct table_shares *shares, uid_t uid, uint64_t n_rows);

/* The user, other than root, who holds the most rows of those that hold more than a share of all the
 * rows, or of all the tables, that there is room for. NULL: nobody does. */
const struct table_share *table_shares_find_greedy(const struct table_shares *shares);
void table_shares_done(struct table_shares *shares);
