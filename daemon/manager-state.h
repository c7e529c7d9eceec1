/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the manager keeps, and its operations that stand apart; for manager*.c. */

#include "daemon/manager.h"
#include "proto/base/list.h"

struct manager {
	struct loop *loop;
	struct pipeline *pipeline;
	struct continuous *continuous;
	struct throttle *throttle;
	struct list recordings; /* recording.link */
	struct list examinations; /* examined.link */
	size_t n_examinations;
	struct memory memory; /* of all recordings */
	uint64_t start_ns, last_id;
};

/* How many recordings are under way or (is_finished) kept, of one user or (NULL) of all. */
size_t manager_count(struct manager *manager, bool is_finished, const uid_t *uid);
/* -EDQUOT, with the failure filled in: no more than `value` of `what`. */
int manager_refuse_limit(struct failure *ret_failure, const char *what, uint64_t value);

/* Of server_operations, with a struct manager for userdata. */
void manager_status(void *userdata, struct daemon_status *ret_status);
int manager_query(void *userdata, const struct access_caller *caller,
	const struct query_request *request, struct query_observer *observer,
	struct failure *ret_failure);
void manager_abandon_query(void *userdata, struct query_observer *observer);
