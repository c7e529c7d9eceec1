/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

struct perfd_bpf;

/*
 * Runs the self-test program on ourselves: the kernel side learns our pid namespace, and what it
 * finds in the tree of mappings is held against /proc/self/maps. -EPROTO where they differ.
 */
int self_test_run(struct perfd_bpf *bpf);
