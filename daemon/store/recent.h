/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Records that the writer knows to be there, by their digests; the database itself cannot be asked for
 * them. What is not among them is put down once more, which costs some bytes and nothing else. There is
 * one writer: they stay true until a transaction fails.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/digest.h"

enum record_kind {
	RECORD_STR,
	RECORD_FRAME,
	RECORD_STACK,
	RECORD_THREAD,
	N_RECORD_KINDS,
};

/* 8 MiB for each kind: some hours' worth where much is new. */
#define RECENT_RECORDS_MAX 131072

struct recent_record {
	struct digest digest;
	int64_t last; /* as the database has it, or later */
	uint32_t id; /* 0: none */
	uint8_t detail; /* of a frame */
};

struct recent_table {
	struct recent_record *slots;
	size_t n, n_slots;
};

struct recent {
	struct recent_table tables[N_RECORD_KINDS];
	uint32_t next_ids[N_RECORD_KINDS];
	bool is_loaded;
};

/* NULL: it is not known. Valid until the next call of recent_put or recent_clear. */
struct recent_record *recent_find(
	const struct recent *recent, enum record_kind kind, const struct digest *digest);
/* Takes the place of one with that digest. 0 or -ENOMEM. */
int recent_put(struct recent *recent, enum record_kind kind, const struct recent_record *record);
/* Whether there is no room for more. */
bool recent_is_full(const struct recent *recent);
/* Those that were met last before that, in seconds. */
void recent_forget(struct recent *recent, int64_t before);
void recent_clear(struct recent *recent);
