/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How often each reason was met, all the time that the daemon runs. */

#include <stddef.h>
#include <stdint.h>

#define TALLY_MAX 48 /* of reasons; what is beyond is counted together */

struct tally_item {
	const char *reason;
	uint64_t count;
};

/* All zero at first; it stays where it is. */
struct tally {
	struct tally_item items[TALLY_MAX];
	char texts[TALLY_MAX][48];
	size_t n;
};

/* The reason is copied, as far as there is room. */
void tally_add(struct tally *tally, const char *reason, uint64_t count);
