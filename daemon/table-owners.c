/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Owners take turns, so that one user's thousand odd files delay nobody else's. A user has one table at
 * a worker at a time, and one worker is never at the disposal of users: a file that takes long would
 * hold root's files. One that took so long that it stepped aside holds nobody up any more.
 *
 * Invariant: an owner is in the list exactly while it has tables waiting or at a worker.
 */

#include "daemon/table-owners.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/limits.h"
#include "proto/base/cleanup.h"

/* Files of one owner in a row: another owner's cost another worker. */
#define TURN_FILES 16

struct table_owner {
	struct list link; /* table_owners.list */
	uid_t uid;
	struct list waiting; /* table.link */
	size_t n_waiting, n_compiling, n_aside, n_in_turn; /* aside: of those compiling */
};

void table_owners_init(struct table_owners *owners, size_t n_users_max)
{
	*owners = (struct table_owners){.n_users_max = n_users_max};
	list_init(&owners->list);
}

void table_owners_done(struct table_owners *owners)
{
	list_for_each (&owners->list, link) {
		list_remove(link);
		free(container_of(link, struct table_owner, link));
	}
}

static struct table_owner *find(struct table_owners *owners, uid_t uid)
{
	struct table_owner *owner;

	list_for_each (&owners->list, link) {
		owner = container_of(link, struct table_owner, link);
		if (owner->uid == uid)
			return owner;
	}
	owner = calloc(1, sizeof(*owner));
	if (!owner)
		return NULL;
	owner->uid = uid;
	list_init(&owner->waiting);
	list_add_tail(&owners->list, &owner->link);
	return owner;
}

static void release(struct table_owner *owner)
{
	if (owner->n_waiting || owner->n_compiling)
		return;
	list_remove(&owner->link);
	free(owner);
}

int table_owners_add(struct table_owners *owners, struct table *table)
{
	uid_t uid = table->object->stat.st_uid;
	struct table_owner *owner = find(owners, uid);

	if (!owner)
		return -ENOMEM;
	if (uid && owner->n_waiting >= LIMIT_COMPILES_PER_UID)
		return -EDQUOT;
	table->state = TABLE_WAITING;
	table->owner = owner;
	list_add_tail(&owner->waiting, &table->link);
	owner->n_waiting++;
	owners->n_waiting++;
	return 0;
}

static void unqueue(struct table_owners *owners, struct table *table)
{
	list_remove(&table->link);
	table->owner->n_waiting--;
	owners->n_waiting--;
}

void table_owners_remove(struct table_owners *owners, struct table *table)
{
	struct table_owner *owner = table->owner;

	unqueue(owners, table);
	table->owner = NULL;
	release(owner);
}

static bool may_have_one(const struct table_owners *owners, const struct table_owner *owner)
{
	if (!owner->n_waiting)
		return false;
	return !owner->uid ||
		(owner->n_compiling == owner->n_aside && owners->n_users < owners->n_users_max);
}

/* One that has had its turn goes behind the others. */
static void count_turn(struct table_owners *owners, struct table_owner *owner)
{
	if (++owner->n_in_turn < TURN_FILES)
		return;
	owner->n_in_turn = 0;
	list_remove(&owner->link);
	list_add_tail(&owners->list, &owner->link);
}

struct table *table_owners_take(struct table_owners *owners)
{
	list_for_each (&owners->list, link) {
		struct table_owner *owner = container_of(link, struct table_owner, link);
		struct table *table;

		if (!may_have_one(owners, owner))
			continue;
		table = container_of(owner->waiting.next, struct table, link);
		unqueue(owners, table);
		table->state = TABLE_COMPILING;
		table->is_aside = false;
		owner->n_compiling++;
		owners->n_compiling++;
		owners->n_users += owner->uid != 0;
		count_turn(owners, owner);
		return table;
	}
	return NULL;
}

static void stop_compiling(struct table_owners *owners, struct table *table)
{
	struct table_owner *owner = table->owner;

	owner->n_compiling--;
	owner->n_aside -= table->is_aside;
	owners->n_compiling--;
	owners->n_users -= owner->uid && !table->is_aside;
}

void table_owners_put_back(struct table_owners *owners, struct table *table)
{
	stop_compiling(owners, table);
	table->state = TABLE_WAITING;
	list_add_tail(table->owner->waiting.next, &table->link);
	table->owner->n_in_turn -= table->owner->n_in_turn > 0;
	table->owner->n_waiting++;
	owners->n_waiting++;
}

void table_owners_step_aside(struct table_owners *owners, struct table *table)
{
	table->is_aside = true;
	table->owner->n_aside++;
	owners->n_users -= table->owner->uid != 0;
}

void table_owners_end(struct table_owners *owners, struct table *table)
{
	struct table_owner *owner = table->owner;

	stop_compiling(owners, table);
	table->owner = NULL;
	release(owner);
}
