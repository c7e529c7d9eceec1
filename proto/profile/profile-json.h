/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "proto/profile/profile.h"
#include "proto/profile/rank.h"

/* The version of the comment's contents; fields are only ever added within one. */
#define PROFILE_JSON_VERSION 1

/* What profile_json_decode found: not a comment of ours (or of a later version). */
enum { PROFILE_JSON_FOREIGN = 1 };

/* Conditions, ledger and runs as one line of JSON, {"perfctl":1,…}; malloc'ed. 0 or -ENOMEM. */
int profile_json_encode(const struct profile *profile, char **ret_text);

/*
 * Reads them back into a profile that is not sealed: conditions, runs, and of the ledger what does not
 * follow from the samples. Fields that are missing or of another type stay as they are. 0, -ENOMEM, or PROFILE_JSON_FOREIGN, in which case nothing changed.
 */
int profile_json_decode(struct profile *profile, const char *text, size_t n);

/*
 * The machine-readable summary: {"perfctl":1,"conditions":{…},"ledger":{…},"hotspots":[…],
 * "sufficiency":{…},"output":…}, indented, ending in a newline; malloc'ed. The first n_rows of
 * `ranking` (may be NULL) are the hotspots; sufficiency says on how many samples they rest, and how
 * many times more would halve the first one's interval and tell it from the second.
 * `output` (may be NULL) is the file that was written. 0 or -ENOMEM.
 */
int profile_json_encode_summary(const struct profile *profile, const struct ranking *ranking,
	size_t n_rows, const char *output, char **ret_text);
