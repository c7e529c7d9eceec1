// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of a command line that name one side of a comparison -> its profiles. */

#include "cli/sides.h"

#include <pthread.h>
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

struct loading {
	struct side *side;
	const struct narrow_arguments *narrow;
	const char *sources;
	int result;
};

static void *load(void *userdata)
{
	struct loading *loading = userdata;

	loading->result = side_load(loading->side, loading->narrow, loading->sources);
	return NULL;
}

/* Those that are read from standard input or asked of the daemon come one after the other. */
static bool is_files(const char *sources)
{
	return strcmp(sources, "-") != 0 && !text_starts_with(sources, STORE_SOURCE_PREFIX);
}

int sides_load(struct side sides[COMPARE_SIDES], const struct narrow_arguments *narrow,
	char *const *sources)
{
	struct loading first = {&sides[0], narrow, sources[0], 0};
	pthread_t thread;
	int r;

	if (!is_files(sources[0]) || !is_files(sources[1]) ||
		pthread_create(&thread, NULL, load, &first) != 0) {
		r = side_load(&sides[0], narrow, sources[0]);
		return r != 0 ? r : side_load(&sides[1], narrow, sources[1]);
	}
	r = side_load(&sides[1], narrow, sources[1]);
	pthread_join(thread, NULL);
	return first.result != 0 ? first.result : r;
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
