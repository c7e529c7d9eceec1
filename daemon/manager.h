/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * All recordings of this daemon and the profiles that came of them: what the server's operations
 * are done by. Each belongs to who made it.
 */

#include "daemon/base/loop.h"
#include "daemon/continuous.h"
#include "daemon/pipeline.h"
#include "daemon/server/operations.h"
#include "daemon/throttle.h"

struct manager;

extern const struct server_operations manager_operations;

/* All are borrowed. 0 or -ENOMEM. */
int manager_new(struct loop *loop, struct pipeline *pipeline, struct continuous *continuous,
	struct throttle *throttle, struct manager **ret_manager);
/* What is there for profiles from now on, also while recordings are under way. Until then: nothing. */
void manager_set_memory(struct manager *manager, uint64_t bytes);
struct manager *manager_free(struct manager *manager);
