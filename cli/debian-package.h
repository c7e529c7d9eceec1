/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DEBIAN_INFO "/var/lib/dpkg/info"

/* The package that a path of this host is from, by the lists in `directory` (DEBIAN_INFO; dpkg(1),
 * "/var/lib/dpkg/info"); with or without "/usr" before it, as the merge of both has it. */
bool debian_package_find(const char *directory, const char *path, char *name, size_t size);

/* The package with its debug symbols. */
void debian_debug_package(const char *package, char *name, size_t size);
