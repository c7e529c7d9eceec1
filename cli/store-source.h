/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* "store:SINCE[..UNTIL][,unit=…][,comm=…][,pid=…][,container=…][,event=…]", and fetching it. */

#include <stdbool.h>
#include <stdint.h>

#include "proto/profile/profile.h"

#define STORE_SOURCE_PREFIX "store:"

struct store_source {
	uint64_t since_ms, until_ms; /* since the epoch */
	uint32_t pid; /* 0: any */
	uint32_t n_parts; /* of the span, by the clock; 0: see Query in the contract */
	const char *comm, *unit, *container, *event; /* NULL: any */
	const char *socket; /* NULL: the usual one */
};

/* For a person, in a sentence. */
#define STORE_TIME_FORMS "1h (ago), 14:05, yesterday, 'yesterday 14:05', 2026-11-21T14:05 or now"

/*
 * A moment: "now", "1h", "-1h", "1h ago", "14:05[:30]" (the last time it was that), "today" and "yesterday"
 * (their beginning, or " 14:05[:30]" behind them), "2026-11-21", "2026-11-21T14:05[:30]" in the user's
 * zone, or with a "Z" behind it in UTC. 0 or -EINVAL.
 */
int store_time_parse(const char *text, uint64_t now_ms, uint64_t *ret_ms);

/* Takes the text apart; what it points to is in `text`, which is changed. Says what is wrong with it.
 * 0 or -EINVAL. */
int store_source_parse(char *text, uint64_t now_ms, struct store_source *ret_source);

/* Asks the daemon. 0, or an exit code after saying why not. */
int store_source_load(const struct store_source *source, struct profile **ret_profile);
