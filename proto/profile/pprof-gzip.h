/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buffer.h"
#include "proto/profile/profile.h"

bool pprof_is_gzip(const void *bytes, size_t n);

/* Appends a gzip file of the bytes. 0 or -ENOMEM. */
int pprof_deflate(const void *bytes, size_t n, struct buffer *out);

/*
 * Appends what a gzip file (of one member or several) holds, up to max_bytes. 0, -ENOMEM, or
 * PROFILE_MALFORMED with the cause in `error`.
 */
int pprof_inflate(const void *bytes, size_t n, size_t max_bytes, struct buffer *out,
	struct profile_error *error);
