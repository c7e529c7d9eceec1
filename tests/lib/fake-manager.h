/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A manager behind the server that needs no kernel. Pids decide what happens:
 *
 *	4242	not permitted
 *	4243	no such target
 *	4244	the recording fails after it has started
 *	other	recorded until its duration is over, stopped, or abandoned
 *
 * Event "big" makes a profile of many megabytes. The status tells what the server did: objects are
 * this process's open descriptors, addressesWanted the recordings thrown away, addressesNamed those
 * that were stopped.
 */

#include "daemon/base/loop.h"
#include "daemon/server/operations.h"

#define FAKE_PID_NOT_PERMITTED 4242
#define FAKE_PID_NONE 4243
#define FAKE_PID_FAILING 4244

struct fake_manager;

extern const struct server_operations fake_operations;

/* NULL without memory. */
struct fake_manager *fake_manager_new(struct loop *loop);
struct fake_manager *fake_manager_free(struct fake_manager *manager);
