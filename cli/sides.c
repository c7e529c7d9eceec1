// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of a command line that name one side of a comparison -> its profiles. */

#include "cli/sides.h"

#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/store-source.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

static int add(struct side *side, const struct narrow_arguments *narrow, const char *source)
{
	if (side->n == SIDE_PROFILES_MAX) {
		message_error("'%s' names more than %d profiles", side->source, SIDE_PROFILES_MAX);
		return EXIT_USAGE;
	}
	return narrow_load(narrow, source, &side->profiles[side->n++]);
}

int side_load(struct side *side, const struct narrow_arguments *narrow, const char *sources)
{
	CLEANUP(freep) char *list = strdup(sources);
	char *rest = list, *item;
	int r = 0;

	side->source = sources;
	if (!list)
		return EXIT_FAILED;
	/* Commas of the store's are its own. */
	if (!strchr(sources, ',') || text_starts_with(sources, STORE_SOURCE_PREFIX) ||
		access(sources, F_OK) == 0)
		return add(side, narrow, sources);
	while (r == 0 && (item = strsep(&rest, ",")))
		r = add(side, narrow, item);
	return r;
}

void side_done(struct side *side)
{
	for (size_t i = 0; i < side->n; i++)
		profile_unref(side->profiles[i]);
	*side = (struct side){0};
}

struct compare_side side_compared(const struct side *side)
{
	return (struct compare_side){(const struct profile *const *)side->profiles, side->n};
}
