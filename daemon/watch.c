/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A short list of pids and one timer, which runs while the list is not empty. */

#include "daemon/watch.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/base/time.h"

/* How many are watched at once, how often each is looked at, and how far apart. */
#define WATCHED_MAX 32
#define LOOKS 6
#define INTERVAL_NS (4 * NS_PER_MS)

struct watched {
	uint32_t pid;
	unsigned n_left;
};

struct watch {
	struct capture *capture;
	struct watched items[WATCHED_MAX];
	size_t n;
	struct loop_source *timer;
};

static int on_timer(void *userdata)
{
	struct watch *watch = userdata;

	for (size_t i = 0; i < watch->n; i++) {
		capture_ask_files(watch->capture, watch->items[i].pid);
		if (!--watch->items[i].n_left)
			watch->items[i--] = watch->items[--watch->n];
	}
	if (!watch->n)
		return 0;
	return loop_source_set_time(watch->timer, time_now_ns(CLOCK_MONOTONIC) + INTERVAL_NS);
}

int watch_new(struct loop *loop, struct capture *capture, struct watch **ret_watch)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->capture = capture;
	r = loop_add_timer(loop, UINT64_MAX / 2, on_timer, watch, &watch->timer);
	if (r < 0) {
		free(watch);
		return r;
	}
	*ret_watch = watch;
	return 0;
}

struct watch *watch_free(struct watch *watch)
{
	if (!watch)
		return NULL;
	loop_source_free(watch->timer);
	free(watch);
	return NULL;
}

void watch_add(struct watch *watch, uint32_t pid)
{
	if (watch->n == WATCHED_MAX)
		return;
	watch->items[watch->n++] = (struct watched){pid, LOOKS};
	if (watch->n == 1)
		loop_source_set_time(watch->timer, time_now_ns(CLOCK_MONOTONIC));
}

void watch_clear(struct watch *watch)
{
	watch->n = 0;
}
