/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How what there is of something is shared between users. Nobody but admins may have more than
 * per_uid of it; and the last quarter of all is for admins and for those who have little, so that
 * some who took all they could leave enough for whoever comes after them.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base/list.h"

struct share_rule {
	uint64_t all, per_uid;
	uint64_t little; /* with no more than so much one may have of the last quarter */
};

enum share_verdict {
	SHARE_GRANTED,
	SHARE_OF_USER_USED, /* the user has all that one user may have */
	SHARE_OF_ALL_USED, /* there is no more, or no more for who has so much of it */
};

/* May a user have `own` of it, when that makes `all` of what everybody has? */
enum share_verdict share_check(
	const struct share_rule *rule, bool is_admin, uint64_t own, uint64_t all);

/* What the refusal names: the limit that stood in the way. */
uint64_t share_limit(const struct share_rule *rule, enum share_verdict verdict);

/*
 * Memory that is accounted for to a user, in one place: of a recording under way, then of its
 * profile for as long as that is kept. Embedded in who holds the memory.
 */
struct memory_account {
	struct list link; /* memory.accounts */
	struct memory *memory;
	uid_t uid;
	bool is_admin;
	bool is_kept; /* what it stands for could be given up */
	uint64_t bytes;
};

struct memory {
	struct list accounts;
	struct share_rule rule; /* in bytes */
	/* May be NULL. Gives up something kept: of the user who asks for more; or (NULL: an admin or somebody who
	 * has little asks) of who has kept the most. False: there is nothing. */
	bool (*on_short)(void *userdata, const uid_t *uid);
	void *userdata;
};

/* The rule is the caller's to fill in. */
void memory_init(
	struct memory *memory, bool (*on_short)(void *userdata, const uid_t *uid), void *userdata);

/* An account with nothing in it. */
void memory_open(struct memory *memory, struct memory_account *account, uid_t uid, bool is_admin);
/* Takes one that was never opened, too. */
void memory_close(struct memory_account *account);

/* Sets what it has. Less is always granted; more if the rule allows it, after what is kept has been
 * given up for it where that helps. What was not granted changes nothing. */
enum share_verdict memory_set(struct memory_account *account, uint64_t bytes);

/* The user with the most bytes in what is kept. False: nothing is kept. */
bool memory_find_greedy(const struct memory *memory, uid_t *ret_uid);
