/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Opens a library by its soname, a program of PATH, the first match of a pattern with a slash, or
 * the kernel's "vdso". A descriptor, or -1. */
int find_file(const char *name);
