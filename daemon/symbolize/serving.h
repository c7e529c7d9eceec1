/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Who of the objects that want something is served next, and when. */

#include "daemon/base/allowance.h"
#include "daemon/symbolize/named-object.h"

struct serving {
	struct loop *loop;
	struct naming_context *context; /* with all that can want something */
	unsigned n_workers;
	struct loop_source *deferred;
	struct loop_source *gather_timer;
	bool is_gathering; /* it is set */
	struct allowance allowance;
	uint64_t gather_ns;
	unsigned n_gathered; /* how often since somebody waited, up to a limit */
	uint64_t n_unserved; /* times that names were given up for want of a worker */
};

struct serving_config {
	struct loop *loop;
	struct naming_context *context;
	unsigned n_workers;
	uint64_t gather_ns; /* see struct symbolizer_config */
};

/* All is borrowed. 0 or a negative errno. */
int serving_init(struct serving *serving, const struct serving_config *config);
void serving_done(struct serving *serving);

/* Serves whoever can be served; from the loop only. */
int serving_run(struct serving *serving);
/* The same, from wherever work may come from, a little later. */
void serving_schedule(struct serving *serving);
/* The same, but not yet, since more will be wanted. */
void serving_schedule_later(struct serving *serving);
/* Somebody waits for what is wanted: nothing is gathered on. */
void serving_hurry(struct serving *serving);
/* What it may use from now on, of one CPU; from 1 on it is not held back. */
void serving_set_share(struct serving *serving, double share);
