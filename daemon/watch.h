/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * New programs load their libraries within milliseconds of their exec. Each is looked at a few times,
 * so that what it has mapped is asked for before many samples fall on it.
 */

#include <stdint.h>

#include "daemon/base/loop.h"
#include "daemon/capture/capture.h"

struct watch;

/* Loop and capture are borrowed. 0 or a negative errno. */
int watch_new(struct loop *loop, struct capture *capture, struct watch **ret_watch);
struct watch *watch_free(struct watch *watch);

/* A process that has executed a program. In a storm of them some are passed over: their samples
 * will ask. */
void watch_add(struct watch *watch, uint32_t pid);
void watch_clear(struct watch *watch);
