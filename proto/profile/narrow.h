/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/profile/copy.h"
#include "proto/profile/profile.h"

#define NARROW_SUBSTITUTIONS_MAX 16

/* All that are given must hold. NULL or 0: not asked for. */
struct narrow_options {
	const char *comm; /* the process's comm is this */
	const char *thread; /* the thread's name is this, or its tid in decimal */
	const char *unit; /* of systemd, "nginx.service"; what has no suffix is a service */
	uint32_t pid;
	const char *focus, *ignore; /* POSIX extended expressions on function names: keep stacks
				       with, drop stacks with a function that matches */
	uint64_t from_ns, to_ns; /* into the recording, whole slices of
				    PROFILE_SLICE_MS; to_ns 0: its end */
	/* This narrows nothing: directories of source files. */
	struct path_substitution substitutions[NARROW_SUBSTITUTIONS_MAX];
	size_t n_substitutions;
};

/* Is it an expression, as focus and ignore are? 0, or PROFILE_MALFORMED, and `error` says why not. */
int narrow_check_expression(const char *text, struct profile_error *error);

/*
 * A new sealed profile of the samples that match. Its ledger is counted anew; what was lost stays,
 * for nobody knows whose it was, and taken is what then adds up. Slices count from `from`. The
 * conditions' notes say how it was narrowed, if it was. 0, -ENOMEM, or PROFILE_MALFORMED (a bad
 * expression, named in `error`).
 */
int narrow_profile(const struct profile *profile, const struct narrow_options *options,
	struct profile **ret_profile, struct profile_error *error);
