/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/worker/elf-file.h"
#include "daemon/worker/go-unwind.h"

/* The table of functions in a program made by Go, and its code; both live as long as the file. False:
 * the file has none that we understand. */
bool go_file_find(const struct elf_file *file, struct go_code *ret_code);
