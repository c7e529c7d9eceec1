/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One step from each version to the next. All that are due are one transaction: whatever happens on
 * the way, the file is of the one form or of the other.
 */

#include <errno.h>
#include <stdio.h>

#include "daemon/store/database.h"

/* By the version that it leads to. */
static const char *const steps[DATABASE_VERSION + 1] = {
	/* A frame that is met again gets its name anew, and with that how good it is. */
	[2] = "ALTER TABLE frame ADD COLUMN detail INTEGER NOT NULL DEFAULT 0",
};

int database_migrate(struct database *database, int64_t version)
{
	char number[64];
	int r;

	/* There was none before the first. */
	if (version < 1)
		return -EUCLEAN;
	r = database_begin(database);
	if (r)
		return r;
	while (!r && version < DATABASE_VERSION)
		r = database_execute(database, steps[++version]);
	snprintf(number, sizeof(number), "PRAGMA user_version = %d", DATABASE_VERSION);
	if (!r)
		r = database_execute(database, number);
	return database_end(database, r);
}
