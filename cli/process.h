/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base/cgroup-name.h"

/* What /proc says about a process. */
struct process {
	uint32_t pid;
	uid_t uid;
	char comm[64]; /* printable */
	uint64_t cpu_ns; /* user and system time since its start */
	char unit[CGROUP_NAME_SIZE], container[CGROUP_NAME_SIZE]; /* "": none; printable */
};

/* Outcome: there is no such process. */
enum { PROCESS_GONE = 1 };

/* 0, PROCESS_GONE, or a negative errno. */
int process_read(uint32_t pid, struct process *ret_process);

/* All of them that are no kernel threads; malloc'ed. 0 or a negative errno. */
int process_read_all(struct process **ret_processes, size_t *ret_n);
