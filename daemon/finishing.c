/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A finishing is on its list until it is told of: then the recording may go, and it goes by itself. */

#include "daemon/finishing.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"

/* Names that are there sooner are waited for: most are, and an early copy costs as much as a whole one. */
#define EARLY_NS (100 * NS_PER_MS)

struct finishing {
	struct list link; /* the recording's finishings */
	struct finishing_config config;
	struct attribution *attribution;
	struct naming_result result;
	struct naming_wait wait;
	int error; /* of the measure */
	struct loop_source *early; /* until then it is waited without a copy; NULL: no more */
};

int finishing_new(struct list *finishings, const struct finishing_config *config,
	struct finishing **ret_finishing)
{
	struct finishing *finishing = calloc(1, sizeof(*finishing));

	if (!finishing)
		return -ENOMEM;
	finishing->config = *config;
	list_add_tail(finishings, &finishing->link);
	*ret_finishing = finishing;
	return 0;
}

static void finishing_free(struct finishing *finishing)
{
	list_remove(&finishing->link);
	naming_cancel(&finishing->wait);
	loop_source_free(finishing->early);
	attribution_free(finishing->attribution);
	free(finishing);
}

void finishings_free(struct list *finishings)
{
	list_for_each (finishings, link)
		finishing_free(container_of(link, struct finishing, link));
}

struct naming_result *finishing_result(struct finishing *finishing)
{
	return &finishing->result;
}

static void counts_sum(struct tally *tally, const struct profile *profile,
	const struct profile_count *counts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tally_add(tally, profile_string(profile, counts[i].reason), counts[i].n);
}

static void ledger_sum(struct ledger_sums *sums, const struct profile *profile)
{
	const struct profile_ledger *ledger = &profile->ledger;

	sums->n_kept += ledger->kept;
	counts_sum(&sums->lost, profile, ledger->lost, ledger->n_lost);
	counts_sum(&sums->truncated, profile, ledger->truncated, ledger->n_truncated);
	counts_sum(&sums->no_user_stack, profile, ledger->no_user_stack, ledger->n_no_user_stack);
	for (size_t i = 0; i < ledger->n_unnamed; i++)
		tally_add(&sums->unnamed, profile_string(profile, ledger->unnamed[i].reason),
			ledger->unnamed[i].n_frames);
}

static int on_named(void *userdata)
{
	struct finishing *finishing = userdata;
	const struct finishing_config *config = &finishing->config;
	struct profile *profile = attribution_profile(finishing->attribution);
	int r = finishing->error;

	if (!r)
		r = naming_apply(finishing->attribution, &config->sources);
	if (!r)
		r = naming_end(profile);
	if (!r)
		ledger_sum(config->sums, profile);
	/* The recording may go with it. */
	list_remove(&finishing->link);
	config->on_finished(config->userdata, r < 0 ? NULL : profile, r);
	finishing_free(finishing);
	return 0;
}

/* A copy that cannot be made is one fewer; the profile itself is as good. */
static int on_early(void *userdata)
{
	struct finishing *finishing = userdata;
	const struct finishing_config *config = &finishing->config;

	finishing->early = loop_source_free(finishing->early);
	if (naming_apply_known(finishing->attribution, &config->sources) == 0)
		config->on_closed(config->userdata, attribution_profile(finishing->attribution));
	return 0;
}

void finishing_start(struct finishing *finishing, struct attribution *attribution)
{
	const struct finishing_config *config = &finishing->config;
	struct profile *profile = attribution_profile(attribution);
	size_t n;
	const struct attributed_frame *frames = attribution_frames(attribution, &n);

	finishing->attribution = attribution;
	finishing->error = naming_measure(profile, &finishing->result);
	if (config->on_closed && !finishing->error)
		loop_add_timer(config->loop, time_now_ns(CLOCK_MONOTONIC) + EARLY_NS, on_early,
			finishing, &finishing->early);
	finishing->wait = (struct naming_wait){
		.sources = finishing->config.sources,
		.on_named = on_named,
		.userdata = finishing,
	};
	naming_wait(&finishing->wait, frames, n);
}
