/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/capture/capture.h"

struct perfd_bpf;

/*
 * The BPF object, loaded and tested, nothing attached. `mappings` as in capture_new(): where it leaves
 * the choice, rodata->use_mirror tells what was chosen. 0, or a negative errno with *ret_problem
 * filled in.
 */
int object_load(enum capture_mappings mappings, struct capture_problem *ret_problem,
	struct perfd_bpf **ret_bpf);

/* Fills in "WHAT: the error; MEND"; returns r. */
int object_problem(struct capture_problem *ret_problem, int r, const char *what, const char *mend);
