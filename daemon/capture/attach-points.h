/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/capture/kernel-types.h"

struct bpf_object;
struct bpf_object_skeleton;

#define ATTACH_POINTS_MAX 16

/* Where programs of type BPF_PROG_TYPE_TRACING stand in the kernel: at tracepoints ("tp_btf/NAME") and in
 * iterators ("iter/NAME"). Objects that are opened and loaded while it lives take the numbers from here. */
struct attach_points {
	struct kernel_type types[ATTACH_POINTS_MAX]; /* their ids are for the caller to fill in */
	size_t n;
	int tracepoint_handler, iterator_handler; /* of libbpf; 0: none, else one more */
};

int attach_points_init(struct attach_points *points);
void attach_points_done(struct attach_points *points);

/* Lists those of an opened object. 0 or -E2BIG. */
int attach_points_find(struct attach_points *points, const struct bpf_object *object);

/* Attaches the programs at tracepoints of a loaded object; their links are the skeleton's. */
int attach_points_attach(struct bpf_object_skeleton *skeleton);
