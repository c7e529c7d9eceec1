/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A window has a serial that no other has, so that it may be sent again when nobody knows whether the
 * last perfd-store got to keep it. Between windows the store tends itself, one step at a time.
 */

#include "daemon/store-link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "daemon/store-channel.h"
#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/log.h"
#include "proto/base/time.h"
#include "proto/profile/pprof.h"

#define RETRY_NS (5 * NS_PER_SECOND)
/* After the end of one; twice as long each time, up to that, until one answers. */
#define RESTART_NS (20 * NS_PER_MS)
#define TEND_NS (30 * NS_PER_SECOND)
#define TEND_SOON_NS (200 * NS_PER_MS)
#define QUERY_DEADLINE_NS (30 * NS_PER_SECOND)

struct waiting {
	struct list link; /* store_link.queue */
	struct buffer bytes;
	uint8_t serial[STORE_SERIAL_SIZE];
	bool is_copy; /* the window itself is to come */
};

struct store_asking {
	struct list link; /* store_link.askings */
	struct store_link *store;
	struct store_channel *channel;
	struct loop_source *deadline;
	store_asking_callback *callback; /* NULL: abandoned */
	void *userdata;
};

struct store_link {
	char *path; /* config.path */
	struct store_link_config config;
	struct store_channel *writer; /* NULL: to be started */
	struct list queue, askings;
	size_t n_askings;
	uint64_t queue_bytes, tend_ns;
	struct loop_source *timer;
	struct store_status status;
	bool is_tending, is_paused; /* paused: until the timer */
	uint64_t restart_ns; /* when the next one ends before it has answered */
};

const char *store_state_word(enum store_state state)
{
	static const char *const words[] = {
		[STORE_STATE_OFF] = "off",
		[STORE_STATE_GOOD] = "good",
		[STORE_STATE_FULL] = "full",
		[STORE_STATE_READ_ONLY] = "read-only",
		[STORE_STATE_NEWER] = "newer",
		[STORE_STATE_FAILING] = "failing",
	};

	return words[state];
}

static struct waiting *first(const struct store_link *link)
{
	return container_of(link->queue.next, struct waiting, link);
}

static void drop(struct store_link *link, struct waiting *waiting)
{
	list_remove(&waiting->link);
	link->queue_bytes -= waiting->bytes.size;
	link->status.n_waiting -= !waiting->is_copy;
	buffer_done(&waiting->bytes);
	free(waiting);
}

/* Said once for each change. */
static void state_set(struct store_link *link, enum store_state state, const char *why)
{
	if (state == link->status.state)
		return;
	if (state != STORE_STATE_GOOD)
		log_warning("cannot store profiles in %s: %s; going on in memory",
			link->config.path, why);
	else if (link->status.state != STORE_STATE_OFF)
		log_info("profiles are stored in %s again", link->config.path);
	link->status.state = state;
}

static void pause_until(struct store_link *link, uint64_t delay_ns)
{
	link->is_paused = true;
	loop_source_set_time(link->timer, time_now_ns(CLOCK_MONOTONIC) + delay_ns);
}

static void facts_take(struct store_link *link, const struct store_reply *reply)
{
	struct store_status *status = &link->status;

	if (reply->n_set_aside > status->n_set_aside)
		log_warning("the store %s was damaged; it was put aside, and a new one begun",
			link->config.path);
	status->n_set_aside = reply->n_set_aside;
	if (!reply->bytes)
		return;
	status->bytes = reply->bytes;
	status->n_windows = reply->n_windows;
	status->oldest_ns = reply->oldest_ns;
	status->newest_ns = reply->newest_ns;
}

static void next(struct store_link *link);

static void on_reply(void *userdata, const struct store_reply *reply, struct buffer *body)
{
	struct store_link *link = userdata;
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);

	if (!reply) {
		link->writer = store_channel_free(link->writer);
		link->status.n_restarts++;
		state_set(link, STORE_STATE_FAILING, "perfd-store has ended");
		pause_until(link, link->restart_ns);
		link->restart_ns *= 2;
		if (link->restart_ns > RETRY_NS)
			link->restart_ns = RETRY_NS;
		return;
	}
	link->restart_ns = RESTART_NS;
	facts_take(link, reply);
	state_set(link, reply->state <= STORE_STATE_FAILING ? reply->state : STORE_STATE_FAILING,
		reply->text);
	if (reply->error == -EINVAL && !link->is_tending) {
		link->status.n_dropped += !first(link)->is_copy;
		drop(link, first(link));
	} else if (reply->error) {
		pause_until(link, RETRY_NS);
	} else if (link->is_tending) {
		link->tend_ns = now_ns + (reply->has_more ? TEND_SOON_NS : TEND_NS);
	} else {
		link->status.n_stored += !first(link)->is_copy;
		drop(link, first(link));
	}
	next(link);
}

static int writer_start(struct store_link *link)
{
	struct store_channel_config config = {
		.loop = link->config.loop,
		.program = link->config.program,
		.path = link->config.path,
		.max_bytes = link->config.max_bytes,
		.max_age_ns = link->config.max_age_ns,
		.on_reply = on_reply,
		.userdata = link,
	};

	if (link->writer)
		return 0;
	return store_channel_new(&config, &link->writer);
}

static int send_first(struct store_link *link)
{
	struct store_request request = {
		.magic = STORE_MAGIC,
		.kind = STORE_TEND,
		.now_ns = time_now_ns(CLOCK_REALTIME),
	};
	const void *body = NULL;
	int r = writer_start(link);

	memcpy(request.life, link->config.life, sizeof(request.life));
	if (!link->is_tending) {
		request.kind = first(link)->is_copy ? STORE_KEEP : STORE_APPEND;
		memcpy(request.serial, first(link)->serial, sizeof(request.serial));
		request.body_size = first(link)->bytes.size;
		body = first(link)->bytes.data;
	}
	return r ? r : store_channel_ask(link->writer, &request, body);
}

/* Windows come before what can wait. */
static void next(struct store_link *link)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	int r;

	if (link->is_paused || (link->writer && store_channel_is_busy(link->writer)))
		return;
	link->is_tending = list_is_empty(&link->queue);
	if (link->is_tending && now_ns < link->tend_ns) {
		loop_source_set_time(link->timer, link->tend_ns);
		return;
	}
	r = send_first(link);
	if (r < 0) {
		state_set(link, STORE_STATE_FAILING, strerror(-r));
		pause_until(link, RETRY_NS);
	}
}

static int on_timer(void *userdata)
{
	struct store_link *link = userdata;

	link->is_paused = false;
	next(link);
	return 0;
}

int store_link_new(const struct store_link_config *config, struct store_link **ret_link)
{
	struct store_link *link = calloc(1, sizeof(*link));
	int r;

	if (!link)
		return -ENOMEM;
	link->config = *config;
	link->config.path = link->path = strdup(config->path);
	if (!link->path) {
		free(link);
		return -ENOMEM;
	}
	link->restart_ns = RESTART_NS;
	list_init(&link->queue);
	list_init(&link->askings);
	r = loop_add_timer(config->loop, UINT64_MAX / 2, on_timer, link, &link->timer);
	if (r < 0) {
		free(link->path);
		free(link);
		return r;
	}
	next(link);
	*ret_link = link;
	return 0;
}

static struct store_asking *asking_free(struct store_asking *asking)
{
	list_remove(&asking->link);
	asking->store->n_askings--;
	loop_source_free(asking->deadline);
	store_channel_free(asking->channel);
	free(asking);
	return NULL;
}

struct store_link *store_link_free(struct store_link *link)
{
	if (!link)
		return NULL;
	list_for_each (&link->askings, asking)
		asking_free(container_of(asking, struct store_asking, link));
	if (link->status.state == STORE_STATE_GOOD)
		store_channel_close(link->writer);
	else
		store_channel_free(link->writer);
	while (!list_is_empty(&link->queue))
		drop(link, first(link));
	loop_source_free(link->timer);
	free(link->path);
	free(link);
	return NULL;
}

static bool is_on_its_way(const struct store_link *link, const struct waiting *waiting)
{
	return waiting == first(link) && !link->is_tending && link->writer &&
		store_channel_is_busy(link->writer);
}

/* What has not been sent of the window that is here itself. */
static void drop_copy(struct store_link *link, const uint8_t serial[STORE_SERIAL_SIZE])
{
	list_for_each (&link->queue, item) {
		struct waiting *waiting = container_of(item, struct waiting, link);

		if (waiting->is_copy && !is_on_its_way(link, waiting) &&
			!memcmp(waiting->serial, serial, STORE_SERIAL_SIZE))
			drop(link, waiting);
	}
}

/* Too much waits: the oldest go, but for the last, and for the one that is on its way. */
static void drop_oldest(struct store_link *link)
{
	list_for_each (&link->queue, item) {
		struct waiting *waiting = container_of(item, struct waiting, link);

		if (link->queue_bytes <= LIMIT_STORE_WAITING_BYTES || item->next == &link->queue)
			return;
		if (is_on_its_way(link, waiting))
			continue;
		link->status.n_dropped += !waiting->is_copy;
		drop(link, waiting);
	}
}

static int put(struct store_link *link, const struct profile *profile,
	const uint8_t serial[STORE_SERIAL_SIZE], bool is_copy)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	int r = waiting ? pprof_encode(profile, &waiting->bytes) : -ENOMEM;

	if (r < 0) {
		if (waiting)
			buffer_done(&waiting->bytes);
		free(waiting);
		return r;
	}
	waiting->is_copy = is_copy;
	memcpy(waiting->serial, serial, sizeof(waiting->serial));
	list_add_tail(&link->queue, &waiting->link);
	link->queue_bytes += waiting->bytes.size;
	link->status.n_waiting += !is_copy;
	drop_oldest(link);
	next(link);
	return 0;
}

int store_link_keep(struct store_link *link, const struct profile *profile,
	const uint8_t serial[STORE_SERIAL_SIZE])
{
	return put(link, profile, serial, true);
}

int store_link_append(struct store_link *link, const struct profile *profile,
	const uint8_t serial[STORE_SERIAL_SIZE])
{
	drop_copy(link, serial);
	return put(link, profile, serial, false);
}

static void asking_answer(
	struct store_asking *asking, struct buffer *bytes, int error, const char *why)
{
	if (asking->callback)
		asking->callback(asking->userdata, bytes, error, why);
	asking_free(asking);
}

static void on_answer(void *userdata, const struct store_reply *reply, struct buffer *body)
{
	struct store_asking *asking = userdata;

	if (!reply)
		asking_answer(asking, NULL, -EIO,
			"perfd-store gave up; ask for less time, or for fewer processes");
	else
		asking_answer(asking, reply->error ? NULL : body, reply->error, reply->text);
}

static int on_deadline(void *userdata)
{
	asking_answer(userdata, NULL, -ETIMEDOUT,
		"it took too long; ask for less time, or for fewer processes");
	return 0;
}

int store_link_ask(struct store_link *link, const struct store_query *query,
	store_asking_callback *callback, void *userdata)
{
	struct store_request request = {
		.magic = STORE_MAGIC, .kind = STORE_QUERY, .body_size = sizeof(*query)};
	struct store_asking *asking;
	int r;

	if (link->n_askings == LIMIT_QUERIES)
		return -EBUSY;
	asking = calloc(1, sizeof(*asking));
	if (!asking)
		return -ENOMEM;
	asking->store = link;
	asking->callback = callback;
	asking->userdata = userdata;
	list_add_tail(&link->askings, &asking->link);
	link->n_askings++;
	r = store_channel_new(
		&(struct store_channel_config){
			.loop = link->config.loop,
			.program = link->config.program,
			.path = link->config.path,
			.on_reply = on_answer,
			.userdata = asking,
		},
		&asking->channel);
	if (!r)
		r = loop_add_timer(link->config.loop,
			time_now_ns(CLOCK_MONOTONIC) + QUERY_DEADLINE_NS, on_deadline, asking,
			&asking->deadline);
	if (!r)
		r = store_channel_ask(asking->channel, &request, query);
	if (r < 0)
		asking_free(asking);
	return r;
}

void store_link_abandon(struct store_link *link, void *userdata)
{
	list_for_each (&link->askings, item) {
		struct store_asking *asking = container_of(item, struct store_asking, link);

		if (asking->userdata == userdata)
			asking_free(asking);
	}
}

void store_link_status(const struct store_link *link, struct store_status *ret_status)
{
	*ret_status = link->status;
}
