/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Records that the writer met of late, by their digests, so that the database need not be asked for
 * each again. There is one writer: they stay true until a transaction fails, or some are removed.
 */

#include <stdint.h>

#include "daemon/store/digest.h"

enum recent_kind {
	RECENT_FRAME,
	RECENT_STACK,
	RECENT_THREAD,
	N_RECENT_KINDS,
};

struct recent_record {
	struct digest digest;
	int64_t last; /* as the database has it */
	uint32_t id; /* 0: none */
	uint8_t detail; /* of a frame */
};

struct recent {
	struct recent_record *records[N_RECENT_KINDS]; /* NULL: none yet */
};

/* NULL: ask the database. Valid until the next call. */
const struct recent_record *recent_find(
	const struct recent *recent, enum recent_kind kind, const struct digest *digest);
/* Takes another's place. Without memory nothing is kept. */
void recent_put(struct recent *recent, enum recent_kind kind, const struct recent_record *record);
void recent_clear(struct recent *recent);
