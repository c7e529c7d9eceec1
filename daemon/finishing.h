/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * From the last sample of a profile to its seal: waits, for a bounded time, for the names that are
 * still missing, then names all frames. It is freed when it has said so. Who would lose by a sudden end
 * meanwhile is given what there is if names are not there at once.
 */

#include "daemon/base/loop.h"
#include "daemon/base/tally.h"
#include "daemon/naming.h"
#include "daemon/target/attribution.h"
#include "proto/base/list.h"

struct finishing;

/* The ledgers of all that was finished, added up. */
struct ledger_sums {
	uint64_t n_kept;
	struct tally lost, truncated, no_user_stack; /* samples, by reason */
	struct tally unnamed; /* frames */
};

struct finishing_config {
	struct loop *loop;
	struct naming_sources sources;
	/* Once, while names are waited for, with those that are known: a profile (borrowed) that will
	 * get the others. NULL: nobody wants it. */
	void (*on_closed)(void *userdata, const struct profile *profile);
	/* Once: the sealed profile (borrowed), or NULL with a negative errno. */
	void (*on_finished)(void *userdata, struct profile *profile, int error);
	void *userdata;
	struct ledger_sums *sums; /* its ledger is added */
};

/* On the list until it is done. 0 or -ENOMEM. */
int finishing_new(struct list *finishings, const struct finishing_config *config,
	struct finishing **ret_finishing);
/* What is known at the end, to be filled in before the start. */
struct naming_result *finishing_result(struct finishing *finishing);
/* Takes the attribution. on_finished comes from the loop, or from here. */
void finishing_start(struct finishing *finishing, struct attribution *attribution);
/* Gives up all that are on the list. */
void finishings_free(struct list *finishings);
