/* SPDX-License-Identifier: GPL-2.0-or-later */

/* There are a hundred accounts at most, and each asks for a megabyte at a time: sums are made anew. */

#include "daemon/base/shares.h"

#include "proto/base/cleanup.h"

enum share_verdict share_check(
	const struct share_rule *rule, bool is_admin, uint64_t own, uint64_t all)
{
	if (!is_admin && own > rule->per_uid)
		return SHARE_OF_USER_USED;
	if (all > rule->all)
		return SHARE_OF_ALL_USED;
	if (!is_admin && own > rule->little && all > rule->all / 4 * 3)
		return SHARE_OF_ALL_USED;
	return SHARE_GRANTED;
}

uint64_t share_limit(const struct share_rule *rule, enum share_verdict verdict)
{
	return verdict == SHARE_OF_USER_USED ? rule->per_uid : rule->all;
}

void memory_init(
	struct memory *memory, bool (*on_short)(void *userdata, const uid_t *uid), void *userdata)
{
	*memory = (struct memory){.on_short = on_short, .userdata = userdata};
	list_init(&memory->accounts);
}

void memory_open(struct memory *memory, struct memory_account *account, uid_t uid, bool is_admin)
{
	*account = (struct memory_account){.memory = memory, .uid = uid, .is_admin = is_admin};
	list_add_tail(&memory->accounts, &account->link);
}

void memory_close(struct memory_account *account)
{
	if (!account->memory)
		return;
	list_remove(&account->link);
	*account = (struct memory_account){};
}

static struct memory_account *account_of(struct list *link)
{
	return container_of(link, struct memory_account, link);
}

/* *ret_is_little: the user is one of those whom the last quarter is for. */
static enum share_verdict check(
	const struct memory_account *account, uint64_t bytes, bool *ret_is_little)
{
	struct memory *memory = account->memory;
	uint64_t own = bytes, all = bytes;

	list_for_each (&memory->accounts, link) {
		const struct memory_account *other = account_of(link);

		if (other == account)
			continue;
		all += other->bytes;
		own += other->uid == account->uid ? other->bytes : 0;
	}
	*ret_is_little = account->is_admin || own <= memory->rule.little;
	return share_check(&memory->rule, account->is_admin, own, all);
}

enum share_verdict memory_set(struct memory_account *account, uint64_t bytes)
{
	struct memory *memory = account->memory;
	enum share_verdict verdict = SHARE_GRANTED;
	bool is_little;

	while (bytes > account->bytes) {
		verdict = check(account, bytes, &is_little);
		if (verdict == SHARE_GRANTED || !memory->on_short ||
			!memory->on_short(memory->userdata, is_little ? NULL : &account->uid))
			break;
	}
	if (verdict == SHARE_GRANTED)
		account->bytes = bytes;
	return verdict;
}

static uint64_t kept_bytes(const struct memory *memory, uid_t uid)
{
	uint64_t bytes = 0;

	list_for_each (&memory->accounts, link) {
		const struct memory_account *account = account_of(link);

		if (account->is_kept && account->uid == uid)
			bytes += account->bytes;
	}
	return bytes;
}

bool memory_find_greedy(const struct memory *memory, uid_t *ret_uid)
{
	uint64_t most = 0;

	list_for_each (&memory->accounts, link) {
		const struct memory_account *account = account_of(link);
		uint64_t bytes = account->is_kept ? kept_bytes(memory, account->uid) : 0;

		if (bytes > most) {
			most = bytes;
			*ret_uid = account->uid;
		}
	}
	return most;
}
