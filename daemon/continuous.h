/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The recording that never ends: the whole system, in windows, into the store. */

#include "daemon/base/config.h"
#include "daemon/base/loop.h"
#include "daemon/pipeline.h"
#include "daemon/store-link.h"

struct continuous;

/*
 * Begins, where the configuration has it enabled; the store alone can be asked in either case. Loop,
 * pipeline, configuration and the path of perfd-store's program are borrowed. 0 or a negative errno.
 */
int continuous_new(struct loop *loop, struct pipeline *pipeline, const struct config *config,
	const char *store_program, struct continuous **ret_continuous);
/* What has not been stored by then is lost. Takes NULL, returns NULL. */
struct continuous *continuous_free(struct continuous *continuous);

/* Another configuration, which replaces the one before: the window under way ends, nothing is lost. */
int continuous_configure(struct continuous *continuous, const struct config *config);

/* From the next look on: the rate is the configured one divided by that, a window has no more distinct
 * stacks than that (0: as many as it may have). Another rate ends the window under way. */
void continuous_hold(struct continuous *continuous, double divisor, size_t n_stacks_held);

/* Ends the recording; calls back from the loop when all of it is stored, or cannot be in time. */
int continuous_end(struct continuous *continuous, loop_callback *on_ended, void *userdata);

/* NULL: there is none. */
struct store_link *continuous_store(const struct continuous *continuous);
bool continuous_is_recording(const struct continuous *continuous);
