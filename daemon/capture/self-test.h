/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

struct perfd_bpf;

struct self_test_result {
	uint32_t level; /* of our own pid namespace, 0 for the host's */
	uint32_t pid_namespace; /* its inode number */
};

/*
 * Runs the self-test program on ourselves: learns the pid namespace, and holds what the kernel side
 * finds in the tree of mappings against /proc/self/maps. -EPROTO where they differ.
 */
int self_test_run(struct perfd_bpf *bpf, struct self_test_result *ret_result);
