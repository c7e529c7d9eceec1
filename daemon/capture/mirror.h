/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A mirror of processes' executable mappings, for kernels whose own tree of them cannot be read:
 * read when a process is met and again when the kernel tells of a change (see bpf/mirror.bpf.h).
 */

#include <stdint.h>

#include "daemon/base/loop.h"

struct mirror;
struct perfd_bpf;

/* Nothing is watched yet. Both arguments are borrowed. 0 or a negative errno. */
int mirror_new(struct loop *loop, struct perfd_bpf *bpf, struct mirror **ret_mirror);
struct mirror *mirror_free(struct mirror *mirror);

/* Watches what processes do from now on, on the CPUs that are online; again, where another CPU has
 * come. 0, or a negative errno of perf_event_open. */
int mirror_watch(struct mirror *mirror);
/* Watches no more and forgets all processes. */
void mirror_rest(struct mirror *mirror);

/* Reads the mappings of a process; each file of them is asked for as if sampled. */
void mirror_read(struct mirror *mirror, uint32_t pid);
