/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The processes that descend from any of n pids now, by the parents that /proc/PID/stat names; the
 * pids themselves are not among them. A malloc'ed array of at most `max`. 0 or a negative errno.
 */
int descendants_find(
	const uint32_t *pids, size_t n, size_t max, uint32_t **ret_pids, size_t *ret_n);
