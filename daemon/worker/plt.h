/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The stubs through which a file calls functions of others, x86-64 only. */

#include "daemon/worker/elf-file.h"

/* A stub at [start, start + size) leads to the symbol `name`, which lives as long as the file. A
 * negative errno ends the search. */
typedef int plt_callback(void *userdata, uint64_t start, uint64_t size, const char *name);

/* Calls back for each stub that is understood. 0, or what the callback gave. */
int plt_each(const struct elf_file *file, plt_callback *callback, void *userdata);
