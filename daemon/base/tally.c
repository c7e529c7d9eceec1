/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Reasons are few words of ours, so that to look through all is quick enough; the last place is for
 * whatever has none. */

#include "daemon/base/tally.h"

#include <stdio.h>
#include <string.h>

static struct tally_item *find(struct tally *tally, const char *reason)
{
	for (size_t i = 0; i < tally->n; i++)
		if (!strcmp(tally->items[i].reason, reason))
			return &tally->items[i];
	if (tally->n == TALLY_MAX)
		return &tally->items[TALLY_MAX - 1];
	if (tally->n == TALLY_MAX - 1)
		reason = "other";
	snprintf(tally->texts[tally->n], sizeof(tally->texts[0]), "%s", reason);
	tally->items[tally->n].reason = tally->texts[tally->n];
	return &tally->items[tally->n++];
}

void tally_add(struct tally *tally, const char *reason, uint64_t count)
{
	find(tally, reason)->count += count;
}
