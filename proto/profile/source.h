/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "proto/profile/profile.h"

enum source_format { SOURCE_UNKNOWN, SOURCE_PPROF, SOURCE_FOLDED, SOURCE_PERF_SCRIPT };

/* Tells a profile's format by its content. */
enum source_format source_sniff(const void *bytes, size_t n);

/*
 * Reads a profile of any format that can be told. Sealed. 0, -ENOMEM, or PROFILE_MALFORMED with the
 * cause in `error`.
 */
int source_decode(
	const void *bytes, size_t n, struct profile **ret_profile, struct profile_error *error);
