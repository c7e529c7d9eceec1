/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Parts that several replies have in common. */

#include <stddef.h>
#include <stdint.h>

#include "proto/profile/profile.h"
#include "proto/wire/fields.h"

struct count_reply {
	const char *reason;
	uint64_t count;
};

/* A profile's ledger with its reasons as text. */
struct ledger_reply {
	uint64_t taken, kept, not_permitted, complete, missed;
	struct count_reply *lost, *truncated, *no_user_stack, *unnamed;
	size_t n_lost, n_truncated, n_no_user_stack, n_unnamed;
	struct count_reply counts[4 * PROFILE_REASONS_MAX]; /* where those lie */
};

extern const struct field ledger_fields[];

/* The texts stay the profile's. */
void ledger_reply_init(struct ledger_reply *reply, const struct profile *profile);
