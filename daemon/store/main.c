/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * perfd-store: holds the continuous store for perfd, which starts it with one socket. As the writer
 * there is one of it; a query is a process of its own, which reads, answers and ends. When the store
 * cannot be opened the process goes on, says why to each request, and tries again with the next.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/store/query.h"
#include "daemon/store/sandbox.h"
#include "daemon/store/store.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/stream.h"
#include "proto/base/text.h"
#include "proto/profile/pprof.h"

#define SOCKET_FD 3

struct service {
	struct store store;
	const char *path;
	struct store_limits limits;
	int sandbox_error;
	const char *sandbox_step;
};

static enum store_state state_of(int error)
{
	switch (error) {
	case 0:
		return STORE_STATE_GOOD;
	case DATABASE_NEWER:
		return STORE_STATE_NEWER;
	case -ENOSPC:
	case -EDQUOT:
		return STORE_STATE_FULL;
	case -EROFS:
	case -EACCES:
		return STORE_STATE_READ_ONLY;
	default:
		return STORE_STATE_FAILING;
	}
}

static const char *sentence_of(int error)
{
	switch (error) {
	case DATABASE_NEWER:
		return "it was made by a later version of perfd and is left alone; install that "
		       "version, or name another [store] path";
	case DATABASE_OLDER:
		return "it was made by an earlier version of perfd, and has not been brought up to "
		       "date; it will be when it can be written";
	case -ENOSPC:
		return "the disk is full; free some room, or lower [store] max-size";
	case -EROFS:
		return "it cannot be written; the file and its directory must belong to the user "
		       "that perfd-store runs as, on a file system that is not read-only";
	case -EUCLEAN:
		return "it is damaged";
	case -EINVAL:
		return "the window is not one of perfd's";
	default:
		return strerror(-error);
	}
}

static int ensure_open(struct service *service, const struct store_request *request)
{
	int r;

	if (service->sandbox_error)
		return service->sandbox_error;
	if (service->store.database.handle)
		return 0;
	r = store_open(&service->store, service->path, &service->limits);
	if (r)
		return r;
	r = store_adopt(&service->store, request->life, request->now_ns);
	if (r == -EUCLEAN)
		r = store_set_aside(&service->store);
	if (r)
		store_close(&service->store);
	return r;
}

static int keep(struct service *service, const struct store_request *request, void *body)
{
	const struct buffer bytes = {.data = body, .size = request->body_size};
	int r = store_keep(&service->store, request->serial, request->life, &bytes);

	if (r == -EUCLEAN) {
		r = store_set_aside(&service->store);
		if (!r)
			r = store_keep(&service->store, request->serial, request->life, &bytes);
	}
	if (r)
		store_close(&service->store);
	return r;
}

static int append(struct service *service, const struct store_request *request, const void *body)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct profile_error error;
	int r = pprof_decode(body, request->body_size, &profile, &error);

	if (r)
		return r < 0 ? r : -EINVAL;
	r = store_append(&service->store, profile, request->serial, request->now_ns);
	if (r == -EUCLEAN) {
		r = store_set_aside(&service->store);
		if (!r)
			r = store_append(
				&service->store, profile, request->serial, request->now_ns);
	}
	/* What stands in the way may be gone when the file is opened anew. */
	if (r)
		store_close(&service->store);
	return r;
}

static int tend(struct service *service, const struct store_request *request, bool *ret_has_more)
{
	int r = store_tend(&service->store, request->now_ns, ret_has_more);

	if (r == -EUCLEAN)
		r = store_set_aside(&service->store);
	if (r)
		store_close(&service->store);
	return r;
}

static int query(struct service *service, const struct store_request *request, const void *body,
	struct buffer *out)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct store_query asked;
	struct database database;
	int r;

	if (request->body_size != sizeof(asked))
		return -EPROTO;
	if (service->sandbox_error)
		return service->sandbox_error;
	memcpy(&asked, body, sizeof(asked));
	r = database_open(&database, service->path, true);
	/* Nobody has written yet. */
	if (r == -EROFS && access(service->path, F_OK) < 0 && errno == ENOENT)
		r = -ENOENT;
	if (r)
		return r;
	r = query_profile(&database, &asked, &profile);
	database_close(&database);
	return r ? r : pprof_encode(profile, out);
}

static int answer(struct service *service, const struct store_request *request, void *body)
{
	CLEANUP(buffer_done) struct buffer out = {0};
	struct store_reply reply = {.magic = STORE_MAGIC, .kind = request->kind};
	bool has_more = false;
	int r;

	if (request->kind == STORE_QUERY) {
		r = query(service, request, body, &out);
	} else {
		r = ensure_open(service, request);
		if (!r && request->kind == STORE_APPEND)
			r = append(service, request, body);
		else if (!r && request->kind == STORE_KEEP)
			r = keep(service, request, body);
		else if (!r)
			r = tend(service, request, &has_more);
		store_facts(&service->store, &reply);
	}
	reply.error = r > 0 ? -EPROTONOSUPPORT : r;
	reply.state = state_of(r);
	reply.has_more = has_more;
	reply.body_size = r ? 0 : out.size;
	if (r && service->sandbox_error)
		snprintf(reply.text, sizeof(reply.text), "cannot %s: %s", service->sandbox_step,
			strerror(-r));
	else if (r)
		snprintf(reply.text, sizeof(reply.text), "%s", sentence_of(r));
	r = stream_send(SOCKET_FD, &reply, sizeof(reply));
	return r ? r : stream_send(SOCKET_FD, out.data, reply.body_size);
}

static int serve(struct service *service)
{
	for (;;) {
		CLEANUP(freep) void *body = NULL;
		struct store_request request;
		int r = stream_receive(SOCKET_FD, &request, sizeof(request));

		if (r)
			return r;
		if (request.magic != STORE_MAGIC || request.body_size > STORE_BODY_BYTES_MAX)
			return -EPROTO;
		body = malloc(request.body_size + 1);
		if (!body)
			return -ENOMEM;
		r = stream_receive(SOCKET_FD, body, request.body_size);
		if (!r)
			r = answer(service, &request, body);
		/* Unconfined nothing is done, and the next of us may fare better. */
		if (!r)
			r = service->sandbox_error;
		if (r)
			return r;
	}
}

int main(int argc, char **argv)
{
	struct service service = {0};
	int r;

	log_init("perfd-store", LOG_LEVEL_WARNING);
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("perfd-store %s\n", PERFCTL_VERSION);
		return 0;
	}
	if (argc != 4 || argv[1][0] != '/' || text_parse_u64(argv[2], &service.limits.max_bytes) ||
		text_parse_u64(argv[3], &service.limits.max_age_ns)) {
		log_error("started by perfd only; see perfd(8)");
		return 2;
	}
	service.path = argv[1];
	service.sandbox_error = sandbox_enter(
		argv[1], SOCKET_FD, &service.path, &service.sandbox_step);
	r = serve(&service);
	store_close(&service.store);
	return r == 1 ? 0 : 1;
}
