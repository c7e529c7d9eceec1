/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * pprof's profile.proto, gzipped: the native file (github.com/google/pprof, proto/profile.proto).
 * All that a profile holds survives encode and decode.
 *
 * What pprof has no place for: frame kinds and reasons for missing names are private fields of a
 * Location (1000: kind, 1001: reason), which other readers skip as protobuf wants it; conditions and
 * ledger are one JSON comment (profile-json.h); what samples are told apart by are labels: comm,
 * pid, uid, start_ns, exe, unit, container, visible_to, tid, thread, slice_ms, truncated, no_user_stack.
 */

#include <stddef.h>

#include "proto/base/buffer.h"
#include "proto/profile/profile.h"

/* An inflated profile above this is refused. */
#define PPROF_BYTES_MAX (256u * 1024 * 1024)
/* So are deeper stacks, and locations with more inlined functions. */
#define PPROF_DEPTH_MAX 16384
#define PPROF_LINES_MAX 1024

/* Appends the gzipped profile. Frames that wait for their names have none: "gave-up". 0 or -ENOMEM. */
int pprof_encode(const struct profile *profile, struct buffer *out);

/*
 * Reads a profile, gzipped or not, also those of other writers. Their locations without names are
 * named "[module+0xADDR]"; value types are turned so that a count comes first, and a profile
 * without any gets samples/count, 1 for each sample. The profile is sealed. 0, -ENOMEM, or
 * PROFILE_MALFORMED with the cause in `error`.
 */
int pprof_decode(
	const void *bytes, size_t n, struct profile **ret_profile, struct profile_error *error);
