/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* perfd's own cost, read every few seconds and held within the budget while profiles are kept. */

#include "daemon/base/config.h"
#include "daemon/base/loop.h"
#include "daemon/continuous.h"
#include "daemon/own-cost.h"
#include "daemon/pipeline.h"

struct throttle;

/* All are borrowed. 0 or a negative errno. */
int throttle_new(struct loop *loop, struct pipeline *pipeline, struct continuous *continuous,
	const struct config *config, struct throttle **ret_throttle);
struct throttle *throttle_free(struct throttle *throttle);

/* Another configuration, which replaces the one before. */
void throttle_configure(struct throttle *throttle, const struct config *config);

struct throttle_status {
	struct own_cost cost;
	uint64_t kernel_ns; /* in the kernel, of our programs there */
	uint64_t kernel_bytes; /* of maps and unwind tables */
	double cpu, cpu_max; /* shares of one CPU: over the last minute or so; the ceiling */
	uint64_t own_bytes_max, helper_bytes_max;
	double divisor; /* of the configured rate */
	const char *held; /* what is held back: "none", "sampling", "tables", "naming", "memory" */
	uint64_t n_times_held; /* how often that began */
};
void throttle_status(struct throttle *throttle, struct throttle_status *ret_status);
