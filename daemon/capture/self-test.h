/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bpf/abi.h"

struct perfd_bpf;

/*
 * Runs the self-test program on ourselves: the kernel side learns our pid namespace, and what it
 * finds in the tree of mappings is held against /proc/self/maps. -EPROTO where they differ.
 */
int self_test_run(struct perfd_bpf *bpf);

/* The key of an open file, as the kernel side makes them. 0 or a negative errno. */
int self_test_identify(struct perfd_bpf *bpf, int fd, struct abi_file_key *ret_key);
