/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * From what a caller asked for to what the kernel side is told, by the rules of access: a process or
 * thread that is named by number and is not the caller's is refused; a set is narrowed to what the
 * caller may see, and what is left out is counted.
 */

#include <stdint.h>

#include "daemon/access/access.h"
#include "daemon/pipeline.h"
#include "daemon/server/operations.h"
#include "daemon/target/cgroup-set.h"
#include "daemon/target/selector.h"

struct aim {
	const struct access_caller *caller; /* all borrowed */
	const struct selector *selector;
	bool on_exec; /* only from the next exec on */
	struct pipeline_recording *recording;
	struct failure *failure; /* filled in where aim_take fails */

	struct cgroup_set groups;
	uint64_t n_found, n_left_out; /* processes of a set that the caller may, and may not see */
	uint32_t *matched; /* pids of a set by name: their descendants are in */
	size_t n_matched, n_matched_allocated;
};

/* May the caller record this process? 0, or a negative errno with *ret_failure filled in. */
int aim_check_pid(const struct access_caller *caller, uint32_t pid, struct failure *ret_failure);

/* enum capture_kind: the kinds that must hold in the kernel, given who asks. */
unsigned aim_kinds(const struct selector *selector, const struct access_caller *caller);

/*
 * Tells the kernel side all targets, and asks for the files that they have mapped. 0, or a negative
 * errno with *aim->failure filled in. Refusals are logged.
 */
int aim_take(struct aim *aim);
void aim_done(struct aim *aim);
