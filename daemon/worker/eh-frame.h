/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/worker/elf-file.h"
#include "daemon/worker/range-index.h"

/* Adds the extent of each function that the file's .eh_frame describes. What makes no sense is
 * passed over. 0 or -ENOMEM; the caller seals the index. */
int eh_frame_add(const struct elf_file *file, struct range_index *index);

/* The same over bytes that would stand at an address. is_64bit is the pointer size. */
int eh_frame_add_bytes(
	struct elf_bytes bytes, uint64_t address, bool is_64bit, struct range_index *index);
