/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* CPU time as the kernel side knows it: of the targets, and of our own programs there. */

#include <stdint.h>

struct capture;

/* CPU time of the slot's targets, to be held against an earlier answer; see bpf/usage.bpf.h. */
int capture_usage(struct capture *capture, unsigned slot, uint64_t *ret_ns);

/* What our programs in the kernel cost, from those runs that were timed. */
struct capture_cost {
	double tick_ns; /* mean; < 0: none was timed yet */
	uint64_t ticks_ns, tasks_ns; /* in all: at ticks; at forks, execs and exits */
};
void capture_cost(struct capture *capture, struct capture_cost *ret_cost);
/* The kernel's memory for our maps, without the shards of unwind tables. */
uint64_t capture_map_bytes(const struct capture *capture);
