/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is asked of the continuous store, and who waits for the answer. */

#include <stdint.h>

#include "daemon/server/failure.h"
#include "proto/base/buffer.h"

/* Out of the store. NULL and 0: not asked for. */
struct query_request {
	uint64_t since_ns, until_ns; /* since the epoch */
	uint32_t pid, n_parts;
	const char *comm, *unit, *container, *event;
};

/* Told once, from the loop. */
struct query_observer {
	/* A profile as gzipped pprof, which may be taken; or NULL, and why not. */
	void (*on_answer)(struct query_observer *observer, struct buffer *bytes,
		const struct failure *failure);
};
