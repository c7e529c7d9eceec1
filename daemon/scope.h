/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What continuous profiles are of, as configured: units and control groups that may come and go. */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/pipeline.h"

/*
 * Tells a recording those of the names (at most 64; as struct config has them) that are there and that
 * *found, a bit for each, does not have yet; they get their bits. Says in the log which are not there,
 * where is_said. 0 or a negative errno.
 */
int scope_take(struct pipeline_recording *recording, char *const *names, bool is_left_out,
	bool is_said, uint64_t *found);
