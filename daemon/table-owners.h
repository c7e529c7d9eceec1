/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Tables that wait for a worker or are at one, by the owner of their file. */

#include "daemon/tables.h"

struct table_owners {
	struct list list; /* the first has the turn */
	size_t n_waiting, n_compiling;
	size_t n_users; /* of those being compiled, not root's and not stepped aside */
	size_t n_users_max;
};

void table_owners_init(struct table_owners *owners, size_t n_users_max);
void table_owners_done(struct table_owners *owners);

/* Puts a table at the end of its owner's queue: it is WAITING. 0, -ENOMEM, or -EDQUOT: there are too
 * many of its owner. */
int table_owners_add(struct table_owners *owners, struct table *table);
/* One that is WAITING is not wanted any more. */
void table_owners_remove(struct table_owners *owners, struct table *table);

/* Whose turn it is: it is COMPILING from now on. NULL: nobody may. */
struct table *table_owners_take(struct table_owners *owners);
/* No worker was to be had for the one just taken: it WAITS on, first in its queue. */
void table_owners_put_back(struct table_owners *owners, struct table *table);
/* One that is COMPILING lets others of its owner go before it. */
void table_owners_step_aside(struct table_owners *owners, struct table *table);
/* One that was COMPILING is at no worker any more; its owner may be gone after it. */
void table_owners_end(struct table_owners *owners, struct table *table);
