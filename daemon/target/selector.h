/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a person aims at. Names of three kinds: which processes (pids, tids, comms), whose (uids),
 * where (control groups). Of one kind any will do; all kinds that are named must hold. Nothing
 * named: the whole system. Arrays are borrowed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct selector {
	const uint32_t *pids, *tids, *uids; /* as perfd sees them */
	size_t n_pids, n_tids, n_uids;
	const char *const *comms, *const *units, *const *cgroups, *const *containers;
	size_t n_comms, n_units, n_cgroups, n_containers;
	bool is_all; /* said outright: nothing else needs to be named */
	bool with_children;
};

/* Does it say what to record? */
bool selector_is_valid(const struct selector *selector);

/* Does it name processes and threads by number alone? Else it is a set, which may grow. */
bool selector_is_set(const struct selector *selector);

/* The most of any kind that it names. */
size_t selector_size(const struct selector *selector);

/* What is known of a process by which it is chosen. */
struct selected {
	uint32_t pid, uid; /* the real one */
	const char *comm;
	const char *cgroup; /* its control group's path in the unified hierarchy, or "" */
};

/* Does it name control groups, by whatever name? */
bool selector_has_groups(const struct selector *selector);

/* Is it one of the set, by name and user? */
bool selector_matches(const struct selector *selector, const struct selected *process);

/* For a title: "user 1000, processes named nginx". Cut to size, which is at least 1. */
void selector_describe(const struct selector *selector, char *text, size_t size);
