/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What capture keeps; for capture.c and delivery.c. */

#include "bpf/abi.h"
#include "daemon/capture/callers.h"
#include "daemon/capture/capture.h"
#include "daemon/capture/clock.h"
#include "daemon/capture/identities.h"
#include "daemon/capture/ring-view.h"

struct perfd_bpf;
struct ring_buffer;

struct slot {
	bool is_taken, is_on;
	struct capture_request request;
};

struct capture {
	struct loop *loop;
	struct capture_handlers handlers;
	void *userdata;
	struct perfd_bpf *bpf;
	struct ring_buffer *samples, *events;
	struct ring_view events_view;
	struct identities identities;
	struct callers callers;
	/* All recordings are told of what is new among their targets, and what they have mapped is
	 * looked up as they run: a mirror that perfd keeps lags more, the longer perfd sleeps. */
	bool is_told;
	bool is_lively; /* something was, since the last drain */
	uint64_t drain_ns; /* the next drain is due from then on */
	uint64_t looked_ns;
	struct clock *clock;
	struct mirror *mirror; /* NULL: the kernel's own tree is asked */
	struct loop_source *sample_source, *event_source, *drain_timer;
	struct slot slots[ABI_RECORDINGS_MAX];
	uint64_t map_bytes;
};
