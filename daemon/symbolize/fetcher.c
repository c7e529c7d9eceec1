/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A fetch waits in the queue (root's files before those of others), then has a process of its own
 * behind a socket, until that answers, ends, or is late. A user who keeps inventing build-ids uses up
 * his share of an hour. Servers that fail several times in a row are left alone for some minutes:
 * what waits then fails at once.
 */

#include "daemon/symbolize/fetcher.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/base/helper.h"
#include "daemon/base/limits.h"
#include "daemon/fetch/messages.h"
#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

/* The process keeps to FETCH_SECONDS; one that hangs is killed after. */
#define FETCH_SECONDS 300
#define DEADLINE_NS ((FETCH_SECONDS + 10) * NS_PER_SECOND)
#define AT_ONCE_MAX 2
#define FAILURES_MAX 3 /* in a row */
#define PAUSE_NS (300 * NS_PER_SECOND)
#define SHARE_NS (3600 * NS_PER_SECOND)
#define N_SHARES 256

static_assert(FETCH_SOCKET_FD == HELPER_SOCKET_FD, "where a helper looks for its socket");

struct fetch {
	struct list link; /* waiting or running */
	struct fetcher *fetcher;
	struct fetch_request request;
	fetcher_callback *callback; /* NULL: nobody asks any more */
	void *userdata;
	int socket;
	pid_t pid; /* 0: systemd's, or none */
	struct loop_source *io, *child, *timer;
};

struct fetcher {
	struct loop *loop;
	char *program, *socket_path, *directory, *urls;
	uint64_t file_max_bytes, cache_max_bytes;
	struct list roots, others; /* waiting, by whose file it is */
	struct list running;
	size_t n_waiting, n_running;
	unsigned n_failures; /* in a row */
	uint64_t paused_until_ns;
	uint64_t shares_since_ns;
	uint16_t shares[N_SHARES]; /* used of an hour's, by uid; several uids may have one */
	struct loop_source *deferred;
	struct fetcher_statistics statistics;
};

static void schedule(struct fetcher *fetcher);

static struct fetch *fetch_free(struct fetch *fetch)
{
	list_remove(&fetch->link);
	loop_source_free(fetch->io);
	loop_source_free(fetch->timer);
	loop_source_free(fetch->child);
	if (fetch->pid)
		helper_kill(fetch->pid);
	closep(&fetch->socket);
	free(fetch);
	return NULL;
}

static void count(struct fetcher *fetcher, int error)
{
	if (!error)
		fetcher->statistics.n_fetched++;
	if (!error || error == -ENOENT) {
		fetcher->n_failures = 0;
		return;
	}
	if (error == -EAGAIN) /* not tried */
		return;
	fetcher->statistics.n_failed++;
	if (++fetcher->n_failures < FAILURES_MAX)
		return;
	fetcher->n_failures = 0;
	fetcher->paused_until_ns = time_now_ns(CLOCK_MONOTONIC) + PAUSE_NS;
	log_warning("cannot fetch debug files from %s: %s; going on without for some minutes",
		fetcher->urls, strerror(-error));
}

/* It has come to its end, one way or another. */
static void finish(struct fetch *fetch, int error)
{
	struct fetcher *fetcher = fetch->fetcher;
	fetcher_callback *callback = fetch->callback;
	void *userdata = fetch->userdata;

	if (fetch->request.kind == FETCH_FIND)
		count(fetcher, error);
	fetch_free(fetch);
	fetcher->n_running--;
	schedule(fetcher);
	if (callback)
		callback(userdata, !error);
}

static int on_io(void *userdata, uint32_t events)
{
	struct fetch *fetch = userdata;
	struct fetch_reply reply;
	ssize_t n = recv(fetch->socket, &reply, sizeof(reply), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != sizeof(reply) || reply.magic != FETCH_MAGIC)
		finish(fetch, -EPIPE);
	else
		finish(fetch, reply.error > 0 ? -EPROTO : reply.error);
	return 0;
}

static int on_child(void *userdata, int status)
{
	struct fetch *fetch = userdata;

	fetch->child = loop_source_free(fetch->child);
	fetch->pid = 0;
	return 0;
}

static int on_timer(void *userdata)
{
	finish(userdata, -ETIMEDOUT);
	return 0;
}

/* A process that systemd starts. */
static int connect_to(const char *path, int *ret_socket)
{
	CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_socket = take_fd(&fd);
	return 0;
}

static int spawn(struct fetch *fetch)
{
	struct fetcher *fetcher = fetch->fetcher;
	char *const arguments[] = {"perfd-fetch", fetcher->directory, NULL};
	int r = fetcher->socket_path ? connect_to(fetcher->socket_path, &fetch->socket) : -ENOENT;

	if (r != -ENOENT && r != -ECONNREFUSED)
		return r;
	r = helper_spawn(fetcher->program, arguments, &fetch->pid, &fetch->socket);
	return r ? r : loop_add_child(fetcher->loop, fetch->pid, on_child, fetch, &fetch->child);
}

static int start(struct fetch *fetch)
{
	struct fetcher *fetcher = fetch->fetcher;
	struct fetch_request *request = &fetch->request;
	int r = spawn(fetch);

	if (r < 0)
		return r;
	request->file_max_bytes = fetcher->file_max_bytes;
	request->cache_max_bytes = fetcher->cache_max_bytes;
	snprintf(request->urls, sizeof(request->urls), "%s", fetcher->urls);
	/* Far smaller than a socket's buffer, which is empty. */
	if (send(fetch->socket, request, sizeof(*request), MSG_NOSIGNAL) != sizeof(*request))
		return -EPIPE;
	r = loop_add_fd(fetcher->loop, fetch->socket, EPOLLIN, on_io, fetch, &fetch->io);
	return r ? r
		 : loop_add_timer(fetcher->loop, time_now_ns(CLOCK_MONOTONIC) + DEADLINE_NS,
			   on_timer, fetch, &fetch->timer);
}

static int dispatch(void *userdata)
{
	struct fetcher *fetcher = userdata;

	while (fetcher->n_waiting && fetcher->n_running < AT_ONCE_MAX) {
		struct list *waiting = list_is_empty(&fetcher->roots) ? &fetcher->others
								      : &fetcher->roots;
		struct fetch *fetch = container_of(waiting->next, struct fetch, link);
		int r;

		list_remove(&fetch->link);
		list_add_tail(&fetcher->running, &fetch->link);
		fetcher->n_waiting--;
		fetcher->n_running++;
		r = fetcher->paused_until_ns > time_now_ns(CLOCK_MONOTONIC) ? -EAGAIN
									    : start(fetch);
		if (r < 0)
			finish(fetch, r);
	}
	return 0;
}

static void schedule(struct fetcher *fetcher)
{
	int r;

	fetcher->deferred = loop_source_free(fetcher->deferred);
	r = loop_add_deferred(fetcher->loop, dispatch, fetcher, &fetcher->deferred);
	if (r < 0 && r != -ESTALE)
		log_warning("cannot plan what is fetched next; going on with the next want");
}

/* The uid's share of an hour. */
static bool has_share(struct fetcher *fetcher, uint32_t uid)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);

	if (!uid)
		return true;
	if (now_ns - fetcher->shares_since_ns > SHARE_NS) {
		memset(fetcher->shares, 0, sizeof(fetcher->shares));
		fetcher->shares_since_ns = now_ns;
	}
	if (fetcher->shares[uid % N_SHARES] >= LIMIT_FETCHES_PER_UID)
		return false;
	fetcher->shares[uid % N_SHARES]++;
	return true;
}

static struct fetch *fetch_add(
	struct fetcher *fetcher, const struct fetch_wanted *wanted, enum fetch_kind kind)
{
	struct fetch *fetch;

	if (!wanted->build_id_size || wanted->build_id_size > FETCH_BUILD_ID_MAX)
		return NULL;
	fetch = calloc(1, sizeof(*fetch));
	if (!fetch)
		return NULL;
	fetch->fetcher = fetcher;
	fetch->socket = -1;
	fetch->request = (struct fetch_request){
		.magic = FETCH_MAGIC,
		.kind = kind,
		.time_max_s = FETCH_SECONDS,
		.build_id_size = (uint32_t)wanted->build_id_size,
	};
	memcpy(fetch->request.build_id, wanted->build_id, wanted->build_id_size);
	list_add_tail(wanted->uid ? &fetcher->others : &fetcher->roots, &fetch->link);
	fetcher->n_waiting++;
	schedule(fetcher);
	return fetch;
}

int fetcher_want(struct fetcher *fetcher, const struct fetch_wanted *wanted,
	fetcher_callback *callback, void *userdata)
{
	struct fetch *fetch;

	if (!fetcher_directory(fetcher))
		return -ENOENT;
	if (fetcher->n_waiting >= LIMIT_FETCHES_WAITING || !has_share(fetcher, wanted->uid))
		return -EDQUOT;
	fetch = fetch_add(fetcher, wanted, FETCH_FIND);
	if (!fetch)
		return -ENOMEM;
	fetch->callback = callback;
	fetch->userdata = userdata;
	return 0;
}

void fetcher_reject(struct fetcher *fetcher, const struct fetch_wanted *wanted)
{
	if (fetcher_directory(fetcher) && fetcher->n_waiting < LIMIT_FETCHES_WAITING)
		fetch_add(fetcher, wanted, FETCH_REJECT);
}

static void cancel_waiting(struct fetcher *fetcher, struct list *waiting, const void *userdata)
{
	list_for_each (waiting, link) {
		struct fetch *fetch = container_of(link, struct fetch, link);

		if (!fetch->callback || fetch->userdata != userdata)
			continue;
		fetch_free(fetch);
		fetcher->n_waiting--;
	}
}

void fetcher_cancel(struct fetcher *fetcher, void *userdata)
{
	cancel_waiting(fetcher, &fetcher->roots, userdata);
	cancel_waiting(fetcher, &fetcher->others, userdata);
	/* What is under way is for the next who asks. */
	list_for_each (&fetcher->running, link) {
		struct fetch *fetch = container_of(link, struct fetch, link);

		if (fetch->userdata == userdata)
			fetch->callback = NULL;
	}
}

static void texts_free(struct fetcher *fetcher)
{
	free(fetcher->program);
	free(fetcher->socket_path);
	free(fetcher->directory);
	free(fetcher->urls);
}

/* Apart by blanks; a list that is too long is cut off between two. NULL without memory. */
static char *urls_join(const char *const *urls)
{
	char *joined = calloc(1, FETCH_URLS_MAX);
	size_t size = 0;

	for (; joined && urls && *urls && size + strlen(*urls) + 2 <= FETCH_URLS_MAX; urls++)
		size += (size_t)snprintf(
			joined + size, FETCH_URLS_MAX - size, "%s%s", size ? " " : "", *urls);
	return joined;
}

int fetcher_configure(struct fetcher *fetcher, const struct fetcher_config *config)
{
	struct fetcher next = {
		.program = strdup(config->program ? config->program : ""),
		.socket_path = config->socket_path ? strdup(config->socket_path) : NULL,
		.directory = config->directory ? strdup(config->directory) : NULL,
		.urls = urls_join(config->urls),
	};

	if (!next.program || !next.urls || (config->socket_path && !next.socket_path) ||
		(config->directory && !next.directory)) {
		texts_free(&next);
		return -ENOMEM;
	}
	texts_free(fetcher);
	fetcher->program = next.program;
	fetcher->socket_path = next.socket_path;
	fetcher->directory = next.directory;
	fetcher->urls = next.urls;
	fetcher->file_max_bytes = config->file_max_bytes;
	fetcher->cache_max_bytes = config->cache_max_bytes;
	fetcher->paused_until_ns = 0;
	return 0;
}

int fetcher_new(
	struct loop *loop, const struct fetcher_config *config, struct fetcher **ret_fetcher)
{
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));
	int r;

	if (!fetcher)
		return -ENOMEM;
	fetcher->loop = loop;
	list_init(&fetcher->roots);
	list_init(&fetcher->others);
	list_init(&fetcher->running);
	r = fetcher_configure(fetcher, config);
	if (r < 0) {
		fetcher_free(fetcher);
		return r;
	}
	*ret_fetcher = fetcher;
	return 0;
}

static void list_free(struct list *list)
{
	list_for_each (list, link)
		fetch_free(container_of(link, struct fetch, link));
}

struct fetcher *fetcher_free(struct fetcher *fetcher)
{
	if (!fetcher)
		return NULL;
	list_free(&fetcher->roots);
	list_free(&fetcher->others);
	list_free(&fetcher->running);
	loop_source_free(fetcher->deferred);
	texts_free(fetcher);
	free(fetcher);
	return NULL;
}

const char *fetcher_directory(const struct fetcher *fetcher)
{
	return fetcher && *fetcher->urls ? fetcher->directory : NULL;
}

void fetcher_statistics(const struct fetcher *fetcher, struct fetcher_statistics *ret_statistics)
{
	*ret_statistics = fetcher->statistics;
}
