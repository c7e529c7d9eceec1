/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A program under ptrace, and the walk of its stack by the kernel side's unwinder, compiled as plain
 * C, with the tables that the worker compiles. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define CHILD_FRAMES_MAX 512

struct walk {
	uint64_t pcs[CHILD_FRAMES_MAX];
	size_t n;
	int stop; /* enum abi_stop, or -1: libdwfl's error */
	bool is_beyond_rule; /* rbp is the caller's already, and the row still says where it is saved */
};

extern pid_t child;

/* COMMAND [ARG...], which then ends with us; or `-p PID`, which runs already. It is seized, not
 * stopped. */
bool child_attach(char **arguments);

/* What is mapped now, for the walks from now on. */
void child_read_mappings(void);

/* The base name of the file that is mapped at an address, or "". */
const char *child_file_at(uint64_t address);

void child_walk(const struct user_regs_struct *regs, struct walk *walk);

/* To stderr. */
void child_print_walk(const char *name, const struct walk *walk);
