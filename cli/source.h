/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proto/profile/profile.h"

/*
 * Reads what a command line calls SOURCE: a file, or "-" for standard input; its format is told by
 * its content. Says on standard error why it cannot. 0, or a negative errno.
 */
int source_load(const char *source, struct profile **ret_profile);
/* The same for who does not look at when samples were taken: it may be all one. */
int source_load_timeless(const char *source, struct profile **ret_profile);
