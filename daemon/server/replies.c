/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The ledger as it goes over the wire. */

#include "daemon/server/replies.h"

static const struct field count_fields[] = {
	{FIELD(struct count_reply, reason, FIELD_TEXT)},
	{FIELD(struct count_reply, count, FIELD_U64)},
	{},
};

#define COUNTS(name_, member_)                                                                     \
	{                                                                                          \
		FIELD_AS(name_, struct ledger_reply, member_, FIELD_OBJECTS),                      \
			.n_offset = offsetof(struct ledger_reply, n_##member_),                    \
			.item_size = sizeof(struct count_reply), .fields = count_fields            \
	}

const struct field ledger_fields[] = {
	{FIELD(struct ledger_reply, taken, FIELD_U64)},
	{FIELD(struct ledger_reply, kept, FIELD_U64)},
	{FIELD_AS("notPermitted", struct ledger_reply, not_permitted, FIELD_U64)},
	{FIELD(struct ledger_reply, complete, FIELD_U64)},
	{FIELD(struct ledger_reply, missed, FIELD_U64)},
	COUNTS("lost", lost),
	COUNTS("truncated", truncated),
	COUNTS("noUserStack", no_user_stack),
	COUNTS("unnamed", unnamed),
	{},
};

/* Writes n counts at `at`, and returns where the next ones go. */
static struct count_reply *add_counts(const struct profile *profile,
	const struct profile_count *counts, size_t n, struct count_reply *at)
{
	for (size_t i = 0; i < n; i++)
		*at++ = (struct count_reply){
			profile_string(profile, counts[i].reason), counts[i].n};
	return at;
}

void ledger_reply_init(struct ledger_reply *reply, const struct profile *profile)
{
	const struct profile_ledger *ledger = &profile->ledger;

	reply->taken = ledger->taken;
	reply->kept = ledger->kept;
	reply->not_permitted = ledger->not_permitted;
	reply->complete = ledger->complete;
	reply->missed = ledger->missed;
	reply->n_lost = ledger->n_lost;
	reply->n_truncated = ledger->n_truncated;
	reply->n_no_user_stack = ledger->n_no_user_stack;
	reply->n_unnamed = ledger->n_unnamed;
	reply->lost = reply->counts;
	reply->truncated = add_counts(profile, ledger->lost, ledger->n_lost, reply->lost);
	reply->no_user_stack = add_counts(
		profile, ledger->truncated, ledger->n_truncated, reply->truncated);
	reply->unnamed = add_counts(
		profile, ledger->no_user_stack, ledger->n_no_user_stack, reply->no_user_stack);
	for (size_t i = 0; i < ledger->n_unnamed; i++)
		reply->unnamed[i] = (struct count_reply){
			profile_string(profile, ledger->unnamed[i].reason),
			ledger->unnamed[i].n_frames};
}
