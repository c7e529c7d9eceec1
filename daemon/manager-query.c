/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Questions to the store, in the name of a caller who sees no more than what was theirs. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "daemon/continuous.h"
#include "daemon/manager-state.h"
#include "daemon/recording.h"
#include "proto/base/cleanup.h"

/* The observer's userdata is all that is needed: it is told, or abandoned. */
static void on_query_answer(void *userdata, struct buffer *bytes, int error, const char *why)
{
	struct query_observer *observer = userdata;
	struct failure failure = {0};

	if (error == -ENOENT)
		failure_set(&failure, FAILURE_NO_SUCH_TARGET, "store",
			"nothing was recorded in that time");
	else if (!bytes)
		failure_set(&failure, FAILURE_FAILED, "store", "%s", why);
	observer->on_answer(observer, bytes, &failure);
}

static int query_make(const struct access_caller *caller, const struct query_request *request,
	struct store_query *query)
{
	const struct {
		const char *from;
		char *to;
		size_t size;
	} texts[] = {{request->comm, query->comm, sizeof(query->comm)},
		{request->unit, query->unit, sizeof(query->unit)},
		{request->container, query->container, sizeof(query->container)},
		{request->event, query->event, sizeof(query->event)}};

	query->since_ns = request->since_ns;
	query->until_ns = request->until_ns;
	query->pid = request->pid;
	query->n_parts = request->n_parts;
	query->uid = caller->uid;
	query->is_admin = caller->is_admin;
	query->sees_kernel = access_sees_kernel(caller, recording_perf_event_paranoid());
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (texts[i].from && strlen(texts[i].from) >= texts[i].size)
			return -ENAMETOOLONG;
		snprintf(texts[i].to, texts[i].size, "%s", texts[i].from ? texts[i].from : "");
	}
	return 0;
}

int manager_query(void *userdata, const struct access_caller *caller,
	const struct query_request *request, struct query_observer *observer,
	struct failure *ret_failure)
{
	struct manager *manager = userdata;
	struct store_link *store = continuous_store(manager->continuous);
	struct store_query query = {0};
	int r = store ? query_make(caller, request, &query) : -EOPNOTSUPP;

	if (!store) {
		failure_set(ret_failure, FAILURE_NOT_SUPPORTED, "continuous profiles",
			"it is not enabled; set 'enabled = yes' in section [continuous] of "
			"perfd.conf");
		return r;
	}
	if (!r)
		r = store_link_ask(store, &query, on_query_answer, observer);
	if (r == -EBUSY)
		return manager_refuse_limit(ret_failure, "queries under way", LIMIT_QUERIES);
	if (r < 0)
		failure_set(ret_failure, FAILURE_FAILED, "query", "%s", strerror(-r));
	return r;
}

void manager_abandon_query(void *userdata, struct query_observer *observer)
{
	struct manager *manager = userdata;
	struct store_link *store = continuous_store(manager->continuous);

	if (store)
		store_link_abandon(store, observer);
}
