/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Objects that want something take turns: quick calls before those for lines, suspects when nobody else
 * wants anything. One worker is kept free of calls for lines, so that they never hold up names, and
 * another one of those of large objects, which may take long, and much memory. A call that takes long
 * steps aside for whoever is left waiting; the room that it had is the others' then.
 *
 * Work is begun from the loop, never from the call that asked for it.
 */

#include "daemon/symbolize/serving.h"

#include <errno.h>

#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

/* Names are gathered up to eight times as long as at first. */
#define GATHER_DOUBLINGS_MAX 3

static unsigned n_calls_for_lines(const struct serving *serving, bool of_large_ones)
{
	unsigned n = 0;

	list_for_each ((struct list *)&serving->context->objects, link) {
		const struct named_object *named = container_of(link, struct named_object, link);

		n += named->is_busy && named->files.stage == FILES_READY &&
			named->is_call_for_lines && !named->call.is_aside &&
			(!of_large_ones || named_object_is_large(named));
	}
	return n;
}

/* Workers that calls for lines may still have, of large objects and in all. */
struct room {
	unsigned n, n_large;
};

static struct room room_for_lines(const struct serving *serving)
{
	unsigned n_max = serving->n_workers > 1 ? serving->n_workers - 1 : 1;
	unsigned n_large_max = n_max > 1 ? n_max - 1 : 1;
	unsigned n = n_calls_for_lines(serving, false);
	unsigned n_large = n_calls_for_lines(serving, true);

	return (struct room){
		.n = n < n_max ? n_max - n : 0,
		.n_large = n_large < n_large_max ? n_large_max - n_large : 0,
	};
}

static bool take_room(struct room *room, const struct named_object *named)
{
	bool is_large = named_object_is_large(named);

	if (!room->n || (is_large && !room->n_large))
		return false;
	room->n--;
	room->n_large -= is_large;
	return true;
}

static void give_room_back(struct room *room, const struct named_object *named)
{
	room->n++;
	room->n_large += named_object_is_large(named);
}

/* Begins what objects with this need want; whom it served goes to the end of the line. 0, or who is left
 * waiting: all of them for workers of their own (WORKERS_SOON), or some for any (WORKERS_BUSY). */
static int serve(struct serving *serving, enum need need, bool are_suspects)
{
	struct room room = room_for_lines(serving);
	struct list *objects = &serving->context->objects;
	struct list served;
	int left = 0;

	list_init(&served);
	list_for_each (objects, link) {
		struct named_object *named = container_of(link, struct named_object, link);
		int r;

		if (named_object_need(named) != need || (named->n_failures > 0) != are_suspects)
			continue;
		if (need == NEED_LINES && !take_room(&room, named)) {
			left = WORKERS_BUSY;
			continue;
		}
		r = named_object_run(named);
		if (r == WORKERS_BROKEN || r < 0) {
			named_object_give_up(named, "worker-failed");
			serving->n_unserved++;
		}
		if (r == WORKERS_SOON || r == WORKERS_BUSY) {
			if (need == NEED_LINES)
				give_room_back(&room, named);
			left = r > left ? r : left;
			continue;
		}
		list_remove(link);
		list_add_tail(&served, link);
	}
	list_for_each (&served, link) {
		list_remove(link);
		list_add_tail(objects, link);
	}
	return left;
}

static bool is_anybody_busy(const struct serving *serving)
{
	list_for_each ((struct list *)&serving->context->objects, link)
		if (container_of(link, struct named_object, link)->is_busy)
			return true;
	return false;
}

/* Else the timer will tell. */
static bool is_allowed(struct serving *serving)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	uint64_t wait_ns = allowance_wait_ns(
		&serving->allowance, now_ns, workers_cpu_ns(serving->context->workers));

	if (wait_ns)
		serving->is_gathering = loop_source_set_time(
						serving->gather_timer, now_ns + wait_ns) == 0;
	return !wait_ns;
}

int serving_run(struct serving *serving)
{
	int names_left, lines_left;

	serving->is_gathering = false;
	if (!is_allowed(serving))
		return 0;
	serve(serving, NEED_OPEN, false);
	names_left = serve(serving, NEED_NAMES, false);
	lines_left = serve(serving, NEED_LINES, false);
	if (names_left == WORKERS_BUSY || lines_left == WORKERS_BUSY)
		workers_press(serving->context->workers);
	if (names_left || lines_left || is_anybody_busy(serving))
		return 0;
	serve(serving, NEED_OPEN, true);
	serve(serving, NEED_NAMES, true);
	serve(serving, NEED_LINES, true);
	return 0;
}

static int on_deferred(void *userdata)
{
	return serving_run(userdata);
}

void serving_schedule(struct serving *serving)
{
	int r;

	serving->deferred = loop_source_free(serving->deferred);
	r = loop_add_deferred(serving->loop, on_deferred, serving, &serving->deferred);
	if (r < 0 && r != -ESTALE) /* the loop has ended: nobody waits any more */
		log_warning("cannot plan naming; going on with the next event");
}

void serving_schedule_later(struct serving *serving)
{
	uint64_t time_ns = time_now_ns(CLOCK_MONOTONIC) +
		(serving->gather_ns << serving->n_gathered);

	if (serving->is_gathering)
		return;
	serving->is_gathering = loop_source_set_time(serving->gather_timer, time_ns) == 0;
	if (!serving->is_gathering)
		serving_schedule(serving);
}

void serving_hurry(struct serving *serving)
{
	serving->n_gathered = 0;
	if (serving->is_gathering)
		serving_schedule(serving);
}

/* The longer names are gathered, the fewer are new, and the longer they are gathered next. */
static int on_gathered(void *userdata)
{
	struct serving *serving = userdata;

	if (serving->n_gathered < GATHER_DOUBLINGS_MAX)
		serving->n_gathered++;
	return serving_run(serving);
}

void serving_set_share(struct serving *serving, double share)
{
	allowance_set(&serving->allowance, share);
	serving_schedule(serving);
}

int serving_init(struct serving *serving, const struct serving_config *config)
{
	int r;

	*serving = (struct serving){
		.loop = config->loop,
		.context = config->context,
		.n_workers = config->n_workers,
		.gather_ns = config->gather_ns,
	};
	r = loop_add_timer(
		config->loop, UINT64_MAX / 2, on_gathered, serving, &serving->gather_timer);
	if (r < 0)
		return r;
	loop_source_set_slack(serving->gather_timer, config->gather_ns);
	return 0;
}

void serving_done(struct serving *serving)
{
	serving->deferred = loop_source_free(serving->deferred);
	serving->gather_timer = loop_source_free(serving->gather_timer);
}
