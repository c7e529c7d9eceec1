/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The text that `perf script` prints by default (perf-script(1), fields comm, tid, pid, cpu, time,
 * period, event, ip, sym, symoff, dso), as printed by perf 4 to 6. */

#include <stdbool.h>
#include <stddef.h>

#include "proto/profile/profile.h"

/* Does the text begin with a sample's heading as perf script prints it? */
bool perf_script_is_likely(const char *text, size_t n);

/*
 * Reads it: samples/count, and cpu/nanoseconds where the event counts those. Addresses are those of
 * the running process, not of the file, and are dropped. The profile is sealed. 0, -ENOMEM, or
 * PROFILE_MALFORMED with the line and the cause in `error`.
 */
int perf_script_decode(
	const void *bytes, size_t n, struct profile **ret_profile, struct profile_error *error);
