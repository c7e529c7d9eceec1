/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Named baselines: in a directory, for each NAME the profile NAME.pb.gz and NAME.md, which says in
 * words what it is, so that a version control shows both what changed and that it did.
 */

#include "proto/profile/profile.h"

#define BASELINE_DIRECTORY ".perfctl/baselines"

/* The directory that is meant: `directory` (may be NULL), else PERFCTL_BASELINES, else
 * BASELINE_DIRECTORY. */
const char *baseline_directory(const char *directory);

/* Is it letters, digits, and '.', '_', '-' within, and not too long? Says what is wrong if not. */
bool baseline_name_is_valid(const char *name);

/* "DIRECTORY/NAMESUFFIX", malloc'ed, or NULL without memory. */
char *baseline_path(const char *directory, const char *name, const char *suffix);

/* Writes both files. 0, or -1 after saying why. */
int baseline_save(const char *directory, const char *name, const struct profile *profile);
